"""BGK as one loop: each cell gathers its populations, collides and writes them once, made by torch's compiler.

The array has a rim. Before a step what is read of it is filled from the other side, where the grid is periodic, and
with what comes back, where a link ends in a wall; the same holds of solid nodes. The loop then knows of no boundary.
"""

from __future__ import annotations

import math
import shutil
import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, HaarError
from haar.systems.lattice_boltzmann.relaxation import relaxed
from haar.systems.lattice_boltzmann.stencil import Lattice, Stencil
from haar.systems.lattice_boltzmann.walls import Boundaries

_COMPILERS = ("c++", "g++", "clang++")


class CompiledBGK:
    """Moves populations on by a number of steps, in place.

    Args:
        stencil: Velocities, from node to neighbouring node.
        tau: Relaxation time.
        boundaries: Walls and obstacles.
        like: Populations whose shape and precision those to come have.

    Raises:
        ArgumentError: If a velocity goes beyond the neighbouring nodes.
        HaarError: If there is no C++ compiler.
    """

    def __init__(self, stencil: Stencil, tau: float, boundaries: Boundaries, like: Tensor) -> None:
        if not any(map(shutil.which, _COMPILERS)):
            raise HaarError(
                f"compiled: expected a C++ compiler on this machine ({', '.join(_COMPILERS)}); leave it out"
            )
        if max(abs(x) for shift in stencil.shifts for x in shift) > 1:
            expected = "velocities from node to neighbouring node"
            raise ArgumentError("compiled", expected=expected, got=stencil.name, way_out="leave it out")
        self.stencil, self.boundaries, self.tau = stencil, boundaries, tau
        self.dim = stencil.dim
        self._now = _Rimmed(like)
        strides = torch.tensor(self._now.grid.stride()[2:])
        self._by = tuple((torch.tensor(stencil.shifts) @ strides).tolist())
        self._from, self._sites_in_loop = int(strides.sum()), self._now.sites - 2 * int(strides.sum())
        self._collide = _made(stencil.plain, self._by, (self._from, self._sites_in_loop), tau, like.dtype)
        self._links()
        # populations after a collision, and memory for those after the next
        self._arrays = [(buffer, *self._flat(buffer)) for buffer in (self._now, _Rimmed(like))]
        # whose collision that is: if nothing has written into it since, the next call goes on from there
        self._left: tuple[weakref.ref[Tensor], int] | None = None

    def __call__(self, f: Float[Tensor, "batch q *space"], count: int) -> None:
        """Take steps.

        Args:
            f: Populations, which are moved on.
            count: How many steps.
        """
        ahead = count
        if self._left is None or self._left[0]() is not f or self._left[1] != f._version:  # noqa: SLF001
            inner = (slice(None), slice(None), *[slice(1, -1)] * self.dim)
            for now, before in zip(self._arrays[0][0].grid[inner], f, strict=True):
                now.copy_(torch.stack(relaxed(self.stencil.plain, before.unbind(0), self.tau)))
            self._fill(self._arrays[0][0])
            ahead -= 1
        for _ in range(ahead):
            (_, now, _), (buffer, _, after) = self._arrays
            for before, out in zip(now, after, strict=True):
                self._collide(*before, *out)
            self._fill(buffer)
            self._arrays.reverse()
        last = self._arrays[0][0].grid
        for i, shift in enumerate(self.stencil.shifts):
            window = tuple(slice(1 - s, 1 - s + n) for s, n in zip(shift, f.shape[2:], strict=True))
            f[:, i].copy_(last[:, i][(slice(None), *window)])
        if self.boundaries.still.numel():
            f.flatten(2).flatten(1)[:, self.boundaries.still] = self.boundaries.rest.to(f)
        self._left = weakref.ref(f), f._version  # noqa: SLF001 (torch's own count of writes)

    def _flat(self, buffer: _Rimmed) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        """Every population of every run as a row of numbers: whole, and what the loop writes of it."""
        rows = buffer.grid.flatten(2)
        whole = [list(run.unbind(0)) for run in rows]
        part = [list(run[:, self._from : self._from + self._sites_in_loop].unbind(0)) for run in rows]
        return whole, part

    def _fill(self, buffer: _Rimmed) -> None:
        """The rim, and what comes back from walls and solid nodes."""
        flat = buffer.memory
        values = flat.index_select(1, self._source)
        if self._sites.numel():
            values.index_add_(1, self._moving, flat[:, self._sites].sum(1) * self._gain)
        flat.index_copy_(1, self._target, values)

    def _links(self) -> None:
        """Where a population that comes back is taken from, and the place beyond the wall where it is put."""
        links, shape = self.boundaries, self._now.grid.shape[2:]
        grid = torch.arange(int(torch.tensor(shape).prod())).view(*shape)
        inner = grid[tuple([slice(1, -1)] * self.dim)].flatten()
        size = self._now.row
        at = inner[links.site]
        strides = torch.tensor(grid.stride())
        back = torch.tensor(self.stencil.shifts)[links.velocity] @ strides
        ends = links.velocity * size + at - back
        target, source = self._periodic()
        open_ = ~torch.isin(target, ends)
        self._target = torch.cat([ends, target[open_]])
        self._source = torch.cat([self.stencil.opposite[links.velocity] * size + at, source[open_]])
        self._moving = links.moving
        self._sites = torch.arange(self.stencil.size)[:, None] * size + at[links.moving]
        self._gain = links.gain.to(self._now.memory.dtype)

    def _periodic(self) -> tuple[Tensor, Tensor]:
        """Places of the rim that a step reads, and those on the other side that they repeat."""
        shape = self._now.grid.shape[2:]
        grid = torch.arange(self._now.sites).view(*shape)
        inside = torch.zeros(shape, dtype=torch.bool)
        inside[tuple([slice(1, -1)] * self.dim)] = True
        targets, sources = [], []
        for i, shift in enumerate(self.stencil.shifts):
            read = torch.roll(inside, [-s for s in shift], list(range(self.dim))) & ~inside
            places = read.nonzero()
            across = (places - 1) % (torch.tensor(shape) - 2) + 1
            targets.append(i * self._now.row + grid[tuple(places.T)])
            sources.append(i * self._now.row + grid[tuple(across.T)])
        return torch.cat(targets), torch.cat(sources)


class _Rimmed:
    """Populations with a rim, one after the other in memory, at distances that are no multiples of a page.

    The loop reads and writes all populations at once. At distances of whole pages, as those of a grid of 256 x 256 are,
    all of them would share the few places of the first-level cache that belong to one address within a page.

    Attributes:
        memory: ``[batch, Q * row]``.
        grid: The same as ``[batch, Q, *space]``, with the rim.
        row: From one population to the next.
        sites: Of them those of the grid and its rim.
    """

    def __init__(self, like: Tensor) -> None:
        batch, q, *space = like.shape
        rimmed = [size + 2 for size in space]
        self.sites = math.prod(rimmed)
        page, line = (size // like.element_size() for size in (_PAGE, _LINE))
        self.row = -(-self.sites // page) * page + _LINES_APART * line
        self.memory = torch.zeros(batch, q * self.row, dtype=like.dtype)
        self.grid = self.memory.view(batch, q, self.row)[..., : self.sites].view(batch, q, *rimmed)


#: Bytes after which the first-level cache begins anew, and of one of its lines; how far populations stand apart in it.
_PAGE, _LINE, _LINES_APART = 4096, 64, 19


@lru_cache(maxsize=32)
def _made(
    lattice: Lattice, by: tuple[int, ...], grid: tuple[int, int], tau: float, dtype: torch.dtype
) -> Callable[..., object]:
    """The loop, compiled for one grid: rows of numbers without a look at their ends, which are rims.

    The graph is made here and handed to torch's compiler as it is. As a decorated function it would be looked up at
    every step, which takes a third of the time of a step on 256 x 256 nodes, and for eight grids at most.
    """
    from torch._inductor.compile_fx import compile_fx
    from torch.fx.experimental.proxy_tensor import make_fx

    (first, sites), size = grid, len(by)

    def collide(*rows: Tensor) -> tuple[()]:
        arrived = [row[first - shift : first - shift + sites] for row, shift in zip(rows, by, strict=False)]
        for out, value in zip(rows[size:], relaxed(lattice, arrived, tau), strict=True):
            out.copy_(value)
        return ()

    with torch.no_grad():
        rows = [torch.ones(2 * first + sites, dtype=dtype) for _ in range(size)]
        rows += [torch.ones(sites, dtype=dtype) for _ in range(size)]
        made: Any = compile_fx(make_fx(collide)(*rows), rows)  # its type says that it may be a name too
    return cast("Callable[..., object]", made)
