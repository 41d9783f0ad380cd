"""Sound among inclusions: pressure rings in a medium of random density and speed of sound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.layout import FieldSpec
from haar.data.generators.generator import Generator, Metadata, check_range
from haar.data.solvers.acoustics import Acoustics
from haar.data.well.axis import Axis
from haar.data.well.boundary import BoundaryType
from haar.errors import ArgumentError, check_rate


@dataclass(frozen=True, kw_only=True)
class Medium:
    """The law of the medium: smooth variations about 1, and discs within them.

    Args:
        inclusions: Least and greatest number of discs.
        radius: Least and greatest radius of a disc.
        edge: Width of a disc's edge.
        density_factor: Least and greatest factor of the density in a disc; uniform in the logarithm.
        speed_factor: The same for the speed of sound.
        variation: Standard deviation of the logarithms of density and speed of sound outside the discs.

    Raises:
        ArgumentError: If a range is empty, the edge has no width, or the variation is negative.
    """

    inclusions: tuple[int, int] = (2, 8)
    radius: tuple[float, float] = (0.1, 0.3)
    edge: float = 0.04
    density_factor: tuple[float, float] = (0.4, 2.5)
    speed_factor: tuple[float, float] = (0.5, 1.6)
    variation: float = 0.1

    def __post_init__(self) -> None:
        for name in ("inclusions", "radius", "density_factor", "speed_factor"):
            check_range(name, getattr(self, name))
        check_rate("edge", self.edge)
        check_rate("variation", self.variation, zero=True)


@dataclass(frozen=True, kw_only=True)
class Sound:
    """The law of the sound at the start.

    Args:
        rings: Least and greatest number of rings.
        height: Least and greatest height of a ring.

    Raises:
        ArgumentError: If a range is empty.
    """

    rings: tuple[int, int] = (1, 3)
    height: tuple[float, float] = (0.5, 2.0)

    def __post_init__(self) -> None:
        for name in ("rings", "height"):
            check_range(name, getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class AcousticInclusionsGenerator(Generator):
    """Linear acoustics with walls in x and open ends in y, like The Well's ``acoustic_scattering_inclusions``.

    The medium: smooth variations of density and speed of sound about 1 (cosines of random amplitude), and discs with a
    soft edge inside which both are multiplied by random factors. The sound: one to three rings of positive pressure, at
    rest. The dynamics has the reflections of x and of y, the medium reflected too, and the sign of the whole state; the
    law of the runs has the two reflections (no ring is negative). The open ends are a sponge inside the domain.

    Args:
        lengths: Extent along x and y.
        medium: How it is drawn.
        sound: How it is drawn at the start.
        sponge: Width of the sponge at each end of y, as a part of the domain.

    Raises:
        ArgumentError: If a length is not positive, or the sponge is not between 0 and half of the domain.

    Example:
        >>> data = AcousticInclusionsGenerator(resolution=(16, 16), n_trajectories=1, n_steps=2)
        >>> batch = next(data.batches())
        >>> batch["pressure"].shape, batch["velocity"].shape, batch["density"].shape
        (torch.Size([1, 2, 16, 16]), torch.Size([1, 2, 16, 16, 2]), torch.Size([1, 16, 16]))
    """

    name: ClassVar[str] = "acoustic_inclusions"
    state_fields: ClassVar[tuple[str, ...]] = ("pressure", "velocity", "density", "speed_of_sound")

    time_step: float = 0.005
    save_every: int = 20
    lengths: tuple[float, float] = (2.0, 2.0)
    medium: Medium = Medium()
    sound: Sound = Sound()
    sponge: float = 0.125

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.lengths) != 2 or not all(0 < length < math.inf for length in self.lengths):
            raise ArgumentError("lengths", expected="two positive lengths", got=self.lengths)
        if not 0 <= self.sponge <= 0.5:
            raise ArgumentError("sponge", expected="a part of the domain, 0 to 0.5", got=self.sponge)

    @property
    def fields(self) -> tuple[FieldSpec, ...]:
        """Pressure; the constants density and speed of sound; velocity."""
        return (
            FieldSpec("pressure"),
            FieldSpec("density", role="constant"),
            FieldSpec("speed_of_sound", role="constant"),
            FieldSpec("velocity", order=1),
        )

    @property
    def spacing(self) -> tuple[float, float]:
        """Cell sizes along x and y."""
        return self.lengths[0] / self.resolution[0], self.lengths[1] / self.resolution[1]

    @cached_property
    def coordinates(self) -> tuple[Float[Tensor, " x"], Float[Tensor, " y"]]:
        """Centres of the cells, in float64 and exactly symmetric about the middle of the domain, which is 0."""
        x, y = (
            (torch.arange(n, dtype=torch.float64) - (n - 1) / 2) * step
            for n, step in zip(self.resolution, self.spacing, strict=True)
        )
        return x, y

    @property
    def metadata(self) -> Metadata:
        """Cell-centred grid, walls in x, open ends in y."""
        axes = zip("xy", self.coordinates, (BoundaryType.WALL, BoundaryType.OPEN), strict=True)
        return Metadata(
            dataset_name=self.name,
            axes=tuple(Axis(name, at.numpy(), (end, end), "cell") for name, at, end in axes),
            time=self.time,
            parameters={"sponge": self.sponge},
            run_parameters={},
        )

    def initial(self, trajectories: Sequence[int]) -> dict[str, Tensor]:
        """Rings of pressure at rest, after the burn-in."""
        drawn = [self.draw(self.random(i)) for i in trajectories]
        names = ("pressure", "density", "speed_of_sound")
        state = {
            name: torch.stack(values).to(self.device, self.dtype)
            for name, values in zip(names, zip(*drawn, strict=True), strict=True)
        }
        state["velocity"] = torch.zeros((*state["pressure"].shape, 2), dtype=self.dtype, device=self.device)
        return self.advance(state, self.burn_in, trajectories)

    def advance(self, state: dict[str, Tensor], time_steps: int, trajectories: Sequence[int]) -> dict[str, Tensor]:
        """Advance pressure and velocity in the medium of the state; see `Generator.advance`."""
        del trajectories  # the medium is a field of the state
        solver = Acoustics(
            state["density"],
            state["speed_of_sound"],
            spacing=self.spacing,
            time_step=self.time_step,
            sponge=round(self.sponge * self.resolution[1]),
        )
        pressure, velocity = solver.evolve(state["pressure"], state["velocity"], time_steps)
        return {**state, "pressure": pressure, "velocity": velocity}

    def draw(self, random: torch.Generator) -> tuple[Float[Tensor, "x y"], Float[Tensor, "x y"], Float[Tensor, "x y"]]:
        """Draw pressure, density and speed of sound of one run, in float64."""
        medium = self.medium
        log_density, log_speed = (medium.variation * self._cosines(random) for _ in range(2))
        for _ in range(_integer(medium.inclusions, random)):
            radius = _uniform(medium.radius, random)
            inside = torch.sigmoid(4 * (radius - self._distance(random)) / medium.edge)
            for total, (low, high) in ((log_density, medium.density_factor), (log_speed, medium.speed_factor)):
                change = _uniform((math.log(low), math.log(high)), random)
                total.add_(inside * (change - total))
        pressure = torch.zeros(self.resolution, dtype=torch.float64)
        for _ in range(_integer(self.sound.rings, random)):
            radius, width = _uniform((0.1, 0.25), random), _uniform((0.05, 0.08), random)
            shell = (self._distance(random) - radius) / width
            pressure += _uniform(self.sound.height, random) * torch.exp(-shell.square() / 2)
        return pressure, log_density.exp(), log_speed.exp()

    def _distance(self, random: torch.Generator) -> Float[Tensor, "x y"]:
        """Distance to a random point, at least 15 % of the domain away from its ends."""
        place = [(0.7 * _uniform((-0.5, 0.5), random)) * length for length in self.lengths]
        x, y = self.coordinates
        return torch.hypot(x[:, None] - place[0], y[None, :] - place[1])

    def _cosines(self, random: torch.Generator) -> Float[Tensor, "x y"]:
        """The first 4 x 4 cosines of the domain with normal amplitudes, variance about 1."""
        weights = torch.randn(4, 4, generator=random, dtype=torch.float64) / 4
        waves = [
            torch.cos(math.pi * torch.arange(4, dtype=torch.float64)[:, None] * (at / length + 0.5)) * math.sqrt(2)
            for at, length in zip(self.coordinates, self.lengths, strict=True)
        ]
        return torch.einsum("kq,kx,qy->xy", weights, *waves)


def _uniform(bounds: tuple[float, float], random: torch.Generator) -> float:
    low, high = bounds
    return low + (high - low) * float(torch.rand((), generator=random, dtype=torch.float64))


def _integer(bounds: tuple[int, int], random: torch.Generator) -> int:
    low, high = bounds
    return int(torch.randint(low, high + 1, (), generator=random))
