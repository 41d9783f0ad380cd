"""What the flow data sets share: Navier-Stokes with a tracer, and the fields that follow from the velocity."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.layout import FieldSpec
from haar.data.generators.generator import Generator, Metadata
from haar.data.solvers import calculus
from haar.data.solvers.grid import PeriodicGrid
from haar.data.solvers.navier_stokes import NavierStokes
from haar.data.well.axis import Axis


@dataclass(frozen=True, kw_only=True)
class FlowGenerator(Generator):
    """Decaying two-dimensional flow with a passive tracer on a periodic box.

    Args:
        lengths: Periods along x and y; by default the cells are square and the shorter side is 2 pi.
        viscosity: Kinematic viscosity nu of the fluid.
        diffusivity: Diffusivity of the tracer.
        order: Order of the time stepping, 2 or 4.
        pressure: Store the pressure (unit density, zero mean).
        vorticity: Store the vorticity, a pseudo-scalar.
        strain_rate: Store the strain rate, a symmetric tensor.
    """

    state_fields: ClassVar[tuple[str, ...]] = ("tracer", "velocity")

    lengths: tuple[float, float] | None = None
    viscosity: float = 2e-3
    diffusivity: float = 2e-3
    order: int = 2
    pressure: bool = True
    vorticity: bool = False
    strain_rate: bool = False

    @property
    def fields(self) -> tuple[FieldSpec, ...]:
        """Tracer, pressure and vorticity (as asked), velocity, strain rate (as asked)."""
        stored = [FieldSpec("tracer")]
        if self.pressure:
            stored.append(FieldSpec("pressure"))
        if self.vorticity:
            stored.append(FieldSpec("vorticity", parity=-1))
        stored.append(FieldSpec("velocity", order=1))
        if self.strain_rate:
            stored.append(FieldSpec("strain_rate", order=2))
        return tuple(stored)

    @cached_property
    def grid(self) -> PeriodicGrid:
        """The solver's grid."""
        short = 2 * math.pi / min(self.resolution)
        lengths = self.lengths or (short * self.resolution[0], short * self.resolution[1])
        return PeriodicGrid(self.resolution, lengths, self.dtype, self.device)

    @cached_property
    def solver(self) -> NavierStokes:
        """The solver of the dynamics."""
        return NavierStokes(
            self.grid,
            viscosity=self.viscosity,
            diffusivity=self.diffusivity,
            time_step=self.time_step,
            order=self.order,
        )

    @property
    def metadata(self) -> Metadata:
        """Grid, boundaries, times, viscosity and diffusivity."""
        axes = zip("xy", self.resolution, self.grid.lengths, strict=True)
        return Metadata(
            dataset_name=self.name,
            axes=tuple(Axis.periodic_nodes(name, size, length=length) for name, size, length in axes),
            time=self.time,
            parameters={"viscosity": self.viscosity, "diffusivity": self.diffusivity},
            run_parameters={},
            symmetric=("strain_rate",) if self.strain_rate else (),
        )

    def initial(self, trajectories: Sequence[int]) -> dict[str, Tensor]:
        """Velocity and tracer as drawn, after the burn-in, with the fields that follow from them."""
        velocity, tracer = zip(*(self.draw(self.random(i)) for i in trajectories), strict=True)
        return self.advance(
            {"velocity": torch.stack(velocity), "tracer": torch.stack(tracer)}, self.burn_in, trajectories
        )

    @abstractmethod
    def draw(self, random: torch.Generator) -> tuple[Float[Tensor, "x y 2"], Float[Tensor, "x y"]]:
        """Draw the velocity and the tracer of one run at the start, both band-limited."""

    def advance(self, state: dict[str, Tensor], time_steps: int, trajectories: Sequence[int]) -> dict[str, Tensor]:
        """Advance velocity and tracer; see `Generator.advance`."""
        del trajectories  # all runs share their parameters
        velocity, tracer = self.solver.evolve(state["velocity"], state["tracer"], time_steps)
        later = {"tracer": tracer, "velocity": velocity}
        if self.pressure:
            later["pressure"] = calculus.pressure(self.grid, velocity)
        if self.vorticity:
            later["vorticity"] = calculus.curl(self.grid, velocity)
        if self.strain_rate:
            later["strain_rate"] = calculus.strain_rate(self.grid, velocity)
        return later
