"""Gray-Scott patterns in the six regimes of The Well, from random spots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.layout import FieldSpec
from haar.data.generators.generator import Generator, Metadata, check_range
from haar.data.solvers.gray_scott import GrayScott
from haar.data.solvers.grid import PeriodicGrid
from haar.data.well.axis import Axis
from haar.errors import ArgumentError

PATTERNS: dict[str, tuple[float, float]] = {
    "gliders": (0.014, 0.054),
    "bubbles": (0.098, 0.057),
    "maze": (0.029, 0.057),
    "worms": (0.058, 0.065),
    "spirals": (0.018, 0.051),
    "spots": (0.03, 0.062),
}
"""Feed and kill rates (F, K) of the regimes of The Well (arXiv 2412.00568)."""


@dataclass(frozen=True, kw_only=True)
class Spots:
    """The law of the spots that a run starts from.

    Args:
        spots: Least and greatest number of spots.
        width: Least and greatest standard deviation of a spot.
        height: Least and greatest height of a spot.

    Raises:
        ArgumentError: If a range is empty.
    """

    spots: tuple[int, int] = (10, 40)
    width: tuple[float, float] = (0.02, 0.05)
    height: tuple[float, float] = (0.3, 0.7)

    def __post_init__(self) -> None:
        for name, bounds in vars(self).items():
            check_range(name, bounds)


@dataclass(frozen=True, kw_only=True)
class GrayScottGenerator(Generator):
    """Reaction and diffusion on a periodic box, The Well's ``gray_scott_reaction_diffusion`` at any size.

    Run i has the regime ``patterns[i % len(patterns)]``. It starts from A = 1 - B and 10 to 40 periodic Gaussian
    spots of B of random place, width and height, joined so that B stays below 1 where they overlap (a plain sum can
    make A negative, and a negative A grows without bound). The law of the runs is invariant under all 8 symmetries
    of a square grid (4 of a rectangular one) and under its shifts.

    Args:
        patterns: Regimes, names of `PATTERNS`; a single name stands for itself.
        spacing: Distance between neighbouring nodes; The Well has 1/64 (128 nodes on a box of side 2).
        diffusion: Diffusivities of A and of B.
        start: How many spots there are at the start, of what width and height.
        order: Order of the time stepping, 2 or 4.

    Raises:
        ArgumentError: If a pattern is unknown or none is named.

    Example:
        >>> data = GrayScottGenerator(resolution=(32, 32), n_trajectories=2, n_steps=3, patterns=("maze",))
        >>> batch = next(data.batches(2))
        >>> {name: tuple(values.shape) for name, values in batch.items()}
        {'A': (2, 3, 32, 32), 'B': (2, 3, 32, 32)}
    """

    name: ClassVar[str] = "gray_scott"
    state_fields: ClassVar[tuple[str, ...]] = ("A", "B")

    time_step: float = 1.0
    save_every: int = 25
    burn_in: int = 60
    patterns: tuple[str, ...] | str = tuple(PATTERNS)
    spacing: float = 1 / 64
    diffusion: tuple[float, float] = (2e-5, 1e-5)
    start: Spots = Spots()
    order: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.patterns, str):
            object.__setattr__(self, "patterns", (self.patterns,))
        unknown = [pattern for pattern in self.patterns if pattern not in PATTERNS]
        if unknown or not self.patterns:
            raise ArgumentError("patterns", expected=f"names among {', '.join(PATTERNS)}", got=unknown or "none")

    @property
    def fields(self) -> tuple[FieldSpec, ...]:
        """Concentrations A and B, scalars."""
        return FieldSpec("A"), FieldSpec("B")

    @cached_property
    def grid(self) -> PeriodicGrid:
        """The solver's grid."""
        nx, ny = self.resolution
        return PeriodicGrid(self.resolution, (nx * self.spacing, ny * self.spacing), self.dtype, self.device)

    @property
    def metadata(self) -> Metadata:
        """Grid, boundaries, times; diffusivities are shared, F and K belong to each run."""
        feed, kill = self._rates(range(self.n_trajectories))
        axes = zip("xy", self.resolution, self.grid.lengths, strict=True)
        return Metadata(
            dataset_name="gray_scott_reaction_diffusion",
            axes=tuple(Axis.periodic_nodes(name, size, length=length) for name, size, length in axes),
            time=self.time,
            parameters={"D_A": self.diffusion[0], "D_B": self.diffusion[1]},
            run_parameters={"F": feed, "K": kill},
        )

    def initial(self, trajectories: Sequence[int]) -> dict[str, Tensor]:
        """Random spots after the burn-in, band-limited."""
        spots = torch.stack([self._spots(self.random(i)) for i in trajectories]).to(self.device, self.dtype)
        spots = self.grid.band_limit(spots)
        return self.advance({"A": 1 - spots, "B": spots}, self.burn_in, trajectories)

    def advance(self, state: dict[str, Tensor], time_steps: int, trajectories: Sequence[int]) -> dict[str, Tensor]:
        """Advance A and B; see `Generator.advance`."""
        both = torch.stack((state["A"], state["B"]), dim=1)
        both = self._solver(trajectories).evolve(both, time_steps)
        return {"A": both[:, 0], "B": both[:, 1]}

    def _rates(self, trajectories: Sequence[int]) -> tuple[Tensor, Tensor]:
        feed, kill = torch.tensor([self._rate(i) for i in trajectories], dtype=torch.float64).unbind(1)
        return feed, kill

    def _rate(self, trajectory: int) -> tuple[float, float]:
        return PATTERNS[self.patterns[trajectory % len(self.patterns)]]

    def _solver(self, trajectories: Sequence[int]) -> GrayScott:
        return _solver(self.grid, tuple(map(self._rate, trajectories)), self.diffusion, self.time_step, self.order)

    def _spots(self, random: torch.Generator) -> Float[Tensor, "x y"]:
        """Periodic Gaussian spots g joined as ``1 - prod (1 - g)``: their sum where they are apart, never above 1."""
        (low, high), widths, heights = self.start.spots, self.start.width, self.start.height
        count = int(torch.randint(low, high + 1, (), generator=random))
        draw = torch.rand(4, count, 1, generator=random, dtype=torch.float64)
        width = widths[0] + (widths[1] - widths[0]) * draw[0]
        height = heights[0] + (heights[1] - heights[0]) * draw[1]
        profiles = []
        for axis in (0, 1):
            length = self.grid.lengths[axis]
            distance = self.grid.coordinates[axis].to("cpu", torch.float64) - length * draw[2 + axis]
            images = torch.arange(-2, 3, dtype=torch.float64)[:, None, None] * length
            profiles.append(torch.exp(-((distance + images) ** 2) / (2 * width**2)).sum(0))
        return 1 - (1 - torch.einsum("sx,sy->sxy", height * profiles[0], profiles[1])).prod(0)


@lru_cache(maxsize=4)
def _solver(
    grid: PeriodicGrid,
    rates: tuple[tuple[float, float], ...],
    diffusion: tuple[float, float],
    time_step: float,
    order: int,
) -> GrayScott:
    """The solver of a batch of runs, kept from frame to frame (its coefficients cost as much as several steps)."""
    feed, kill = torch.tensor(rates, dtype=torch.float64).unbind(1)
    return GrayScott(grid, feed=feed, kill=kill, diffusion=diffusion, time_step=time_step, order=order)
