"""BGK as one loop: each cell gathers its populations, collides and writes them once, made by torch's compiler.

The array has a rim. Before a step the rim is filled from the other side, where the grid is periodic, and with what
comes back, where a link ends in a wall; the same holds of solid nodes. The loop then knows of no boundary.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import HaarError
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
        HaarError: If there is no C++ compiler.
    """

    def __init__(self, stencil: Stencil, tau: float, boundaries: Boundaries, like: Tensor) -> None:
        if not any(map(shutil.which, _COMPILERS)):
            raise HaarError(
                f"compiled: expected a C++ compiler on this machine ({', '.join(_COMPILERS)}); leave it out"
            )
        self.stencil, self.boundaries, self.tau = stencil, boundaries, tau
        self.dim = stencil.dim
        self._now, self._next = _Rimmed(like), _Rimmed(like)
        strides = torch.tensor(self._now.grid.stride()[2:])
        self._by = tuple((torch.tensor(stencil.shifts) @ strides).tolist())
        self._from, self._sites_in_loop = int(strides.sum()), self._now.sites - 2 * int(strides.sum())
        self._collide = _made(stencil.plain, self._by, self._from, self._sites_in_loop, tau)
        self._links()

    def __call__(self, f: Float[Tensor, "batch q *space"], count: int) -> None:
        """Take steps.

        Args:
            f: Populations, which are moved on.
            count: How many steps.
        """
        inner = (slice(None), slice(None), *[slice(1, -1)] * self.dim)
        for now, before in zip(self._now.grid[inner], f, strict=True):
            now.copy_(torch.stack(relaxed(self.stencil.plain, before.unbind(0), self.tau)))
        arrays = [(buffer, *self._flat(buffer)) for buffer in (self._now, self._next)]
        for _ in range(count - 1):
            (buffer, now, _), (_, _, after) = arrays
            self._fill(buffer)
            for before, out in zip(now, after, strict=True):
                self._collide(before, out)
            arrays.reverse()
        self._fill(arrays[0][0])
        last = arrays[0][0].grid
        for i, shift in enumerate(self.stencil.shifts):
            window = tuple(slice(1 - s, 1 - s + n) for s, n in zip(shift, f.shape[2:], strict=True))
            f[:, i].copy_(last[:, i][(slice(None), *window)])
        if self.boundaries.still.numel():
            f.flatten(2).flatten(1)[:, self.boundaries.still] = self.boundaries.rest.to(f)

    def _flat(self, buffer: _Rimmed) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        """Every population of every run as a row of numbers: whole, and what the loop writes of it."""
        rows = buffer.grid.flatten(2)
        whole = [list(run.unbind(0)) for run in rows]
        part = [list(run[:, self._from : self._from + self._sites_in_loop].unbind(0)) for run in rows]
        return whole, part

    def _fill(self, buffer: _Rimmed) -> None:
        """The rim, and what comes back from walls and solid nodes."""
        now, flat = buffer.grid, buffer.memory
        for axis in range(2, 2 + self.dim):
            size = now.shape[axis]
            now.select(axis, 0).copy_(now.select(axis, size - 2))
            now.select(axis, size - 1).copy_(now.select(axis, 1))
        if self._target.numel():
            values = flat[:, self._source]
            if self._sites.numel():
                values.index_add_(1, self.boundaries.moving, flat[:, self._sites].sum(1) * self._gain)
            flat[:, self._target] = values

    def _links(self) -> None:
        """Where a population that comes back is taken from, and the place beyond the wall where it is put."""
        links, shape = self.boundaries, self._now.grid.shape[2:]
        grid = torch.arange(int(torch.tensor(shape).prod())).view(*shape)
        inner = grid[tuple([slice(1, -1)] * self.dim)].flatten()
        size = self._now.row
        at = inner[links.site]
        strides = torch.tensor(grid.stride())
        back = torch.tensor(self.stencil.shifts)[links.velocity] @ strides
        self._target = links.velocity * size + at - back
        self._source = self.stencil.opposite[links.velocity] * size + at
        self._sites = torch.arange(self.stencil.size)[:, None] * size + at[links.moving]
        self._gain = links.gain.to(self._now.memory.dtype)


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
    lattice: Lattice, by: tuple[int, ...], first: int, sites: int, tau: float
) -> Callable[[list[Tensor], list[Tensor]], None]:
    """The loop, compiled for one grid: rows of numbers without a look at their ends, which are rims."""

    def collide(now: list[Tensor], after: list[Tensor]) -> None:
        arrived = [row[first - shift : first - shift + sites] for row, shift in zip(now, by, strict=True)]
        for out, value in zip(after, relaxed(lattice, arrived, tau), strict=True):
            out.copy_(value)

    return torch.compile(collide, fullgraph=True, dynamic=False)
