"""A doubly periodic shear flow: the data set whose law has fewer symmetries than its equations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.data.generators.flow import FlowGenerator
from haar.data.generators.generator import check_range
from haar.data.solvers.calculus import curl, velocity_of
from haar.errors import ArgumentError, check_rate


@dataclass(frozen=True, kw_only=True)
class ShearFlowGenerator(FlowGenerator):
    """Two opposite shear layers that roll up, with a tracer that starts as the velocity along x.

    ``u_x = tanh(-cos(2 pi y / L_y) L_y / (2 pi width))`` has layers at ``L_y/4`` and ``3 L_y/4``; ``u_y`` is, at each
    layer, a sum of sines in x of random phases times a periodic bell; the divergence-free part of the two is the
    velocity at the start.

    The equations have all symmetries of the grid. The law of the runs keeps shifts along x and two reflections alone:
    ``y -> -y``, and ``x -> -x`` together with the sign of the tracer and a shift by ``L_y/2`` (a plain reflection of
    x, a rotation, a general shift along y all give a flow that never occurs): a data set on which averaging with
    exact symmetries of the equations does harm.

    Args:
        width: Least and greatest half width of a layer.
        amplitude: Least and greatest amplitude of ``u_y``.
        waves: Number of sines at each layer.
        bell: Standard deviation of the bell, in half widths of the layer.

    Raises:
        ArgumentError: If a range is empty or there is no sine.

    Example:
        >>> data = ShearFlowGenerator(resolution=(16, 32), n_trajectories=1, n_steps=2, save_every=2, width=(0.8, 1.0))
        >>> {name: tuple(values.shape) for name, values in next(data.batches()).items()}
        {'tracer': (1, 2, 16, 32), 'pressure': (1, 2, 16, 32), 'velocity': (1, 2, 16, 32, 2)}
    """

    name: ClassVar[str] = "shear_flow"

    time_step: float = 0.02
    save_every: int = 30
    width: tuple[float, float] = (0.3, 0.8)
    amplitude: tuple[float, float] = (0.05, 0.15)
    waves: int = 4
    bell: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("width", self.width)
        check_range("amplitude", self.amplitude)
        check_rate("bell", self.bell)
        if self.waves < 1:
            raise ArgumentError("waves", expected="at least 1", got=self.waves)

    def draw(self, random: torch.Generator) -> tuple[Float[Tensor, "x y 2"], Float[Tensor, "x y"]]:
        """Two shear layers with a disturbance; the tracer is ``u_x``."""
        uniform = torch.rand(2, generator=random, dtype=torch.float64).tolist()
        phases = 2 * math.pi * torch.rand(2, self.waves, generator=random, dtype=torch.float64)
        width, amplitude = (
            low + (high - low) * draw for (low, high), draw in zip((self.width, self.amplitude), uniform, strict=True)
        )
        x, y = (
            coordinate.to("cpu", torch.float64) * (2 * math.pi / length)
            for coordinate, length in zip(self.grid.coordinates, self.grid.lengths, strict=True)
        )
        unit = self.grid.lengths[1] / (2 * math.pi)
        stream = torch.tanh(-torch.cos(y) * unit / width).expand(self.resolution)
        number = torch.arange(1, self.waves + 1, dtype=torch.float64)
        sines = torch.sin(number[:, None] * x + phases[:, :, None]).sum(1) / math.sqrt(self.waves)  # (layer, x)
        layers = torch.tensor([math.pi / 2, 3 * math.pi / 2], dtype=torch.float64)
        bells = torch.exp((torch.cos(y - layers[:, None]) - 1) * (unit / (self.bell * width)) ** 2)
        cross = amplitude * torch.einsum("lx,ly->xy", sines, bells)
        velocity = torch.stack((stream, cross), dim=-1).to(self.grid.device, self.grid.dtype)
        vorticity = self.grid.band_limit(curl(self.grid, velocity))
        velocity = velocity_of(self.grid, vorticity)
        return velocity, velocity[..., 0].clone()
