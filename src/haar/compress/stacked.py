"""Damage on damage: one perturbation at a level of its own, and another after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from haar.compress.perturbation import Perturbation
from haar.errors import ArgumentError

if TYPE_CHECKING:
    from haar.compress.bench import Bench


@dataclass(frozen=True)
class Stacked(Perturbation):
    """A perturbation at its only level, then another at each of its own.

    Args:
        first: What is done first, with one level.
        then: What is done after it; the levels are its.

    Raises:
        ArgumentError: If the first has several levels.

    Example:
        >>> from haar.compress import Magnitude, Quantise
        >>> Stacked(Magnitude(levels=(0.5,)), Quantise()).name
        'magnitude at 0.5, then quantise'
    """

    first: Perturbation
    then: Perturbation

    def __post_init__(self) -> None:
        if len(self.first.levels) != 1:
            raise ArgumentError("first", expected="one level", got=list(self.first.levels))
        for name in ("measure", "within", "rising", "whole", "fixed"):
            object.__setattr__(self, name, getattr(self.then, name))
        object.__setattr__(self, "levels", self.then.levels)
        object.__setattr__(self, "identity", None)
        object.__setattr__(self, "calibrated", self.first.calibrated or self.then.calibrated)

    @property
    def name(self) -> str:  # type: ignore[override]
        """Both."""
        return f"{self.first.name} at {self.first.levels[0]:g}, then {self.then.name}"

    def check(self, level: float | int) -> float:
        """A level of the second."""
        return self.then.check(level)

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """One after the other."""
        self.first.apply(bench, self.first.levels[0], seed)
        self.then.apply(bench, level, seed)
