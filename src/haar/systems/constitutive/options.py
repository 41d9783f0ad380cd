"""What a preset says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """How every network of an experiment is trained; all of them choose among the same rates.

    Attributes:
        samples: Numbers of training samples (or paths).
        steps: Steps of AdamW with a one-cycle cosine schedule.
        rates: Greatest learning rates that every network may try.
        batch_size: Samples a step; 0 for all.
        test: Fresh samples.
    """

    samples: tuple[int, ...]
    steps: int
    rates: tuple[float, ...]
    batch_size: int
    test: int


@dataclass(frozen=True)
class Options:
    """The experiments.

    Attributes:
        neo_hookean: An isotropic law in space.
        lattice: The square lattice of the plane, with right and wrong groups.
        hexagon: Three bars at 60 degrees, which tensor features take for isotropic.
        plastic: Paths of the elastoplastic truss.
        zener: Paths of the viscous truss.
        orientations: Cubic crystal; strains from few directions, tested in all.
        axes_starts: Starts of the learned axes.
        axes_steps: Steps of each.
        increments: Increments of a path.
        cells: Elements along an edge of the plate's blocks.
    """

    neo_hookean: Trial
    lattice: Trial
    hexagon: Trial
    plastic: Trial
    zener: Trial
    orientations: Trial
    axes_starts: int
    axes_steps: int
    increments: int
    cells: int
