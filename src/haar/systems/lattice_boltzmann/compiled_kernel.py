"""BGK as one loop: each cell gathers its populations, collides and writes them once, made by torch's compiler.

The array has a rim. Before a step the rim is filled from the other side, where the grid is periodic, and with what
comes back, where a link ends in a wall; the same holds of solid nodes. The loop then knows of no boundary.
"""

from __future__ import annotations

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
            raise HaarError(f"compiled: expected a C++ compiler on this machine ({', '.join(_COMPILERS)}); leave it out")
        self.stencil, self.boundaries, self.tau = stencil, boundaries, tau
        self.dim = stencil.dim
        rimmed = [*like.shape[:2], *(size + 2 for size in like.shape[2:])]
        self._now, self._next = torch.zeros(rimmed, dtype=like.dtype), torch.zeros(rimmed, dtype=like.dtype)
        self._links()

    def __call__(self, f: Float[Tensor, "batch q *space"], count: int) -> None:
        """Take steps.

        Args:
            f: Populations, which are moved on.
            count: How many steps.
        """
        gather, collide = _made(self.stencil.plain, self.stencil.shifts, tuple(f.shape[2:]), self.tau)
        inner = (slice(None), slice(None), *[slice(1, -1)] * self.dim)
        for sample in range(len(f)):
            self._now[inner][sample].copy_(torch.stack(relaxed(self.stencil.plain, f[sample].unbind(0), self.tau)))
        for _ in range(count - 1):
            self._fill()
            for now, after in zip(self._now, self._next, strict=True):
                collide(now, after)
            self._now, self._next = self._next, self._now
        self._fill()
        for now, out in zip(self._now, f, strict=True):
            out.copy_(gather(now))
        if self.boundaries.still.numel():
            f.flatten(2).flatten(1)[:, self.boundaries.still] = self.boundaries.rest.to(f)

    def _fill(self) -> None:
        """The rim, and what comes back from walls and solid nodes."""
        now = self._now
        for axis in range(2, 2 + self.dim):
            size = now.shape[axis]
            now.select(axis, 0).copy_(now.select(axis, size - 2))
            now.select(axis, size - 1).copy_(now.select(axis, 1))
        if self._target.numel():
            flat = now.flatten(1)
            values = flat[:, self._source]
            if self._sites.numel():
                values.index_add_(1, self.boundaries.moving, flat[:, self._sites].sum(1) * self._gain)
            flat[:, self._target] = values

    def _links(self) -> None:
        """Where a population that comes back is taken from, and the place beyond the wall where it is put."""
        links, shape = self.boundaries, self._now.shape[2:]
        grid = torch.arange(int(torch.tensor(shape).prod())).view(*shape)
        inner = grid[tuple([slice(1, -1)] * self.dim)].flatten()
        size = grid.numel()
        at = inner[links.site]
        strides = torch.tensor(grid.stride())
        back = torch.tensor(self.stencil.shifts)[links.velocity] @ strides
        self._target = links.velocity * size + at - back
        self._source = self.stencil.opposite[links.velocity] * size + at
        self._sites = torch.arange(self.stencil.size)[:, None] * size + at[links.moving]
        self._gain = links.gain.to(self._now.dtype)


@lru_cache(maxsize=32)
def _made(
    lattice: Lattice, shifts: tuple[tuple[int, ...], ...], shape: tuple[int, ...], tau: float
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], None]]:
    """Gathering, and gathering with the collision, which is compiled for this grid."""
    windows = [tuple(slice(1 - s, 1 - s + n) for s, n in zip(shift, shape, strict=True)) for shift in shifts]
    inner = (slice(None), *[slice(1, -1)] * len(shape))

    def gather(now: Tensor) -> Tensor:
        return torch.stack([now[(i, *window)] for i, window in enumerate(windows)])

    def collide(now: Tensor, after: Tensor) -> None:
        arrived = [now[(i, *window)] for i, window in enumerate(windows)]
        after[inner] = torch.stack(relaxed(lattice, arrived, tau))

    return gather, torch.compile(collide, fullgraph=True, dynamic=False)
