"""Convection between a warm lower and a cool upper plate: the data set with an affine symmetry."""

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
from haar.data.generators.generator import Generator, Metadata
from haar.data.solvers.rayleigh_benard import RayleighBenard
from haar.data.well.axis import Axis
from haar.errors import ArgumentError


@dataclass(frozen=True, kw_only=True)
class RayleighBenardGenerator(Generator):
    """Rayleigh-Benard convection from a random disturbance of the layer at rest, like The Well's ``rayleigh_benard``.

    x is periodic, y lies between plates at 0 and ``lengths[1]``, cell-centred and uniform. Dynamics and law of the runs
    have shifts and the reflection of x, and the affine up-down symmetry ``y -> L_y - y, u_y -> -u_y, b -> L_y - b, p ->
    p + L_y y - L_y^2/2``.

    Args:
        lengths: Period along x and distance of the plates.
        rayleigh: Rayleigh number: buoyancy against diffusion.
        prandtl: Prandtl number: viscosity over thermal diffusivity.
        amplitude: Root mean square of the disturbance of the buoyancy.
        waves: Number of wave lengths along x, and of sines between the plates, in the disturbance.

    Raises:
        ArgumentError: If the amplitude or the number of waves is not positive.

    Example:
        >>> data = RayleighBenardGenerator(resolution=(16, 8), n_trajectories=1, n_steps=2, burn_in=0, save_every=2)
        >>> {name: tuple(values.shape) for name, values in next(data.batches()).items()}
        {'buoyancy': (1, 2, 16, 8), 'pressure': (1, 2, 16, 8), 'velocity': (1, 2, 16, 8, 2)}
    """

    name: ClassVar[str] = "rayleigh_benard"
    state_fields: ClassVar[tuple[str, ...]] = ("buoyancy", "velocity")

    resolution: tuple[int, int] = (128, 32)
    time_step: float = 0.04
    save_every: int = 12
    burn_in: int = 100
    lengths: tuple[float, float] = (4.0, 1.0)
    rayleigh: float = 3e5
    prandtl: float = 1.0
    amplitude: float = 0.05
    waves: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.lengths) != 2:
            raise ArgumentError("lengths", expected="two positive numbers", got=self.lengths)
        if not 0 < self.amplitude < math.inf:
            raise ArgumentError("amplitude", expected="a positive number", got=self.amplitude)
        if self.waves < 1:
            raise ArgumentError("waves", expected="at least 1", got=self.waves)

    @property
    def fields(self) -> tuple[FieldSpec, ...]:
        """Buoyancy, pressure, velocity."""
        return FieldSpec("buoyancy"), FieldSpec("pressure"), FieldSpec("velocity", order=1)

    @cached_property
    def solver(self) -> RayleighBenard:
        """The solver of the dynamics."""
        return RayleighBenard(
            self.resolution,
            self.lengths,
            rayleigh=self.rayleigh,
            prandtl=self.prandtl,
            time_step=self.time_step,
            dtype=self.dtype,
            device=self.device,
        )

    @cached_property
    def coordinates(self) -> tuple[Float[Tensor, " x"], Float[Tensor, " y"]]:
        """Nodes along x and centres of cells along y, in float64."""
        (nx, ny), (lx, ly) = self.resolution, self.lengths
        x = torch.arange(nx, dtype=torch.float64) * (lx / nx)
        return x, (torch.arange(ny, dtype=torch.float64) + 0.5) * (ly / ny)

    @property
    def metadata(self) -> Metadata:
        """Periodic nodes along x, cells between walls along y."""
        (nx, ny), (lx, ly) = self.resolution, self.lengths
        return Metadata(
            dataset_name=self.name,
            axes=(Axis.periodic_nodes("x", nx, length=lx), Axis.cells("y", ny, length=ly, boundary="WALL")),
            time=self.time,
            parameters={"Rayleigh": self.rayleigh, "Prandtl": self.prandtl},
            run_parameters={},
        )

    def initial(self, trajectories: Sequence[int]) -> dict[str, Tensor]:
        """A disturbed layer at rest, after the burn-in."""
        drawn = torch.stack([self.draw(self.random(i)) for i in trajectories]).to(self.device, self.dtype)
        buoyancy = self.solver.conduction + drawn
        velocity = torch.zeros((*drawn.shape, 2), dtype=self.dtype, device=self.device)
        return self.advance({"buoyancy": buoyancy, "velocity": velocity}, self.burn_in, trajectories)

    def advance(self, state: dict[str, Tensor], time_steps: int, trajectories: Sequence[int]) -> dict[str, Tensor]:
        """Advance buoyancy and velocity; see `Generator.advance`."""
        del trajectories  # all runs share their parameters
        buoyancy, velocity = self.solver.evolve(state["buoyancy"], state["velocity"], time_steps)
        pressure = self.solver.pressure(buoyancy, velocity)
        return {"buoyancy": buoyancy, "pressure": pressure, "velocity": velocity}

    def draw(self, random: torch.Generator) -> Float[Tensor, "x y"]:
        """The disturbance of the buoyancy of one run: waves along x times sines between the plates, in float64."""
        number = torch.arange(1, self.waves + 1, dtype=torch.float64)[:, None]
        weights = torch.randn(2, self.waves, self.waves, generator=random, dtype=torch.float64)
        x, y = (math.pi * at / length for at, length in zip(self.coordinates, self.lengths, strict=True))
        waves = torch.stack((torch.cos(2 * number * x), torch.sin(2 * number * x)))
        field = torch.einsum("skq,skx,qy->xy", weights / number[:, 0], waves, torch.sin(number * y))
        return self.amplitude * field / field.square().mean().sqrt()
