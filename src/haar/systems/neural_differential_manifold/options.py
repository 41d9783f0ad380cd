"""What a preset says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Metrics that are learned from lengths, and geometry that is exact.

    Attributes:
        penalties: Weights of the curvature penalty on the sphere, ascending from 0.
        steps: Steps of training on the sphere.
        observations: Numbers of observed displacements on the disc.
        disc_steps: Steps of training on the disc.
        hidden: Widths of every metric's network.
        charts: Pairs of charts in which one step of optimisation is compared.
        metrics: Random metrics whose symmetry is measured and averaged.
    """

    penalties: tuple[float, ...]
    steps: int
    observations: tuple[int, ...]
    disc_steps: int
    hidden: tuple[int, ...]
    charts: int
    metrics: int
