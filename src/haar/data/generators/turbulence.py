"""Decaying isotropic turbulence in two dimensions with a passive tracer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.data.generators.flow import FlowGenerator
from haar.data.generators.random_fields import random_field
from haar.data.solvers.calculus import velocity_of
from haar.errors import check_rate


@dataclass(frozen=True, kw_only=True)
class TurbulenceGenerator(FlowGenerator):
    """Decaying turbulence from a random velocity with energy spectrum ``k^4 exp(-2 (k / peak)^2)``, greatest at `peak`.

    The law of the runs is invariant under the 8 symmetries of a square grid (4 of a rectangular one), shifts, and the
    sign of the tracer.

    Args:
        speed: Root mean square of the speed at the start.
        peak: Wave number of the peak of the energy spectrum.
        tracer_scale: Wave number beyond which the tracer's spectrum falls off.

    Raises:
        ArgumentError: If one of them is negative, or a wave number is 0.

    Example:
        >>> data = TurbulenceGenerator(resolution=(16, 16), n_trajectories=1, n_steps=2, save_every=2, peak=2.0)
        >>> {name: tuple(values.shape) for name, values in next(data.batches()).items()}
        {'tracer': (1, 2, 16, 16), 'pressure': (1, 2, 16, 16), 'velocity': (1, 2, 16, 16, 2)}
    """

    name: ClassVar[str] = "turbulence"

    burn_in: int = 100
    speed: float = 0.7
    peak: float = 5.0
    tracer_scale: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate("speed", self.speed, zero=True)
        check_rate("peak", self.peak)
        check_rate("tracer_scale", self.tracer_scale)

    def draw(self, random: torch.Generator) -> tuple[Float[Tensor, "x y 2"], Float[Tensor, "x y"]]:
        """An isotropic velocity of the given spectrum and speed, and a large-scale tracer of root mean square 1."""
        # energy E(k) spread over 2 pi k modes; vorticity is k times velocity: |w_k|^2 ~ k E(k)
        vorticity = random_field(self.grid, lambda k: k.pow(2.5) * torch.exp(-((k / self.peak) ** 2)), random)
        velocity = velocity_of(self.grid, vorticity)
        velocity = velocity * (self.speed / velocity.square().sum(-1).mean().sqrt())
        return velocity, random_field(self.grid, lambda k: torch.exp(-((k / self.tracer_scale) ** 4)), random)
