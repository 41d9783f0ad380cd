"""What a preset says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Mixtures that are trained twice on one trunk.

    Attributes:
        experts: Number of experts; all their orders are tried.
        units: Hidden units of each.
        dim: Coordinates of the trunk.
        chosen: Numbers of experts that every sample is given to; the greatest is that of a dense mixture.
        trunk_steps: Steps in which trunk and head are trained.
        steps: Steps of each mixture.
        learning_rate: Of both.
        batch_size: Samples a step.
        noise: Standard deviation of the noise on pixels.
        points: Points on each line.
    """

    experts: int
    units: int
    dim: int
    chosen: tuple[int, ...]
    trunk_steps: int
    steps: int
    learning_rate: float
    batch_size: int
    noise: float
    points: int
