"""What a preset says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fit:
    """How networks are fitted.

    Attributes:
        points: Number of training points.
        steps: Steps of Adam.
        batch_size: Points of each.
    """

    points: int
    steps: int
    batch_size: int


@dataclass(frozen=True)
class Options:
    """Functions that are fitted, and how.

    Attributes:
        regression: How functions are fitted.
        longer: How many times as many steps cheaper networks take, to be compared at equal CPU time.
        frequencies_alone: Whether of two frequencies only KKAN and Fourier features are fitted, of which claims speak,
            at equal steps alone.
        grid: Points of an axis of the test's grid.
        sizes: Width and number of the inner layers, and units between the blocks.
        width: Of the perceptrons' four layers.
        sharing: How the network that shares its blocks is fitted, and the one that does not.
        dynamics: The fit that is watched.
        equations: Which equations are solved: ``"poisson"`` and ``"helmholtz"``.
        physics: How they are solved.
    """

    regression: Fit
    longer: int
    frequencies_alone: bool
    grid: int
    sizes: tuple[int, int, int]
    width: int
    sharing: Fit
    dynamics: Fit
    equations: tuple[str, ...]
    physics: Fit
