"""What every way to change a trained model has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from haar.errors import ArgumentError

if TYPE_CHECKING:
    from haar.compress.bench import Bench
    from haar.compress.metrics import Metric

#: Shares that are taken away, unless others are asked for.
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class Perturbation(ABC):
    """A way to change a trained model, at levels from mild to strong.

    Attributes:
        name: What it is called in tables and on the command line.
        measure: What its level counts: ``"sparsity"``, ``"bits"``, ``"kept"``, ...
        levels: Levels that are tried unless others are asked for.
        within: Least and greatest level.
        rising: Whether damage grows with the level.
        identity: The level at which nothing is changed; None if there is none.
        calibrated: Whether it looks at the inputs of the layers, so that data for calibration are needed.
        whole: Whether levels are whole numbers.
        fixed: Whether there is one level only.
        metrics: What it is measured by, where the metrics of a sweep do not see it; else empty.
    """

    name: str
    measure: ClassVar[str] = "sparsity"
    levels: tuple[float | int, ...] = SHARES
    within: ClassVar[tuple[float, float]] = (0.0, 1.0)
    rising: ClassVar[bool] = True
    identity: ClassVar[float | None] = 0.0
    calibrated: bool = False
    whole: ClassVar[bool] = False
    fixed: ClassVar[bool] = False
    metrics: tuple[Metric, ...] = ()

    @abstractmethod
    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Change the bench's copy of the model.

        Args:
            bench: The copy, its layers, and what is known of the model.
            level: How much.
            seed: Of whatever is random.
        """

    def check(self, level: float | int) -> float:
        """A level, if it is one.

        Raises:
            ArgumentError: If it is out of range.
        """
        low, high = self.within
        number = isinstance(level, (int, float)) and not isinstance(level, bool)
        if not number or not low <= level <= high or (self.whole and level != int(level)):
            kind = "whole numbers" if self.whole else "numbers"
            raise ArgumentError(
                "levels", expected=f"{kind} from {low:g} to {high:g} ({self.measure}) for {self.name}", got=repr(level)
            )
        return float(level)

    def ordered(self, levels: Sequence[float | int] | None) -> tuple[float, ...]:
        """Levels from mild to strong, each once, without the one that changes nothing.

        Raises:
            ArgumentError: If one is out of range, or none is left.
        """
        given = self.levels if levels is None or self.fixed else levels
        found = sorted({self.check(level) for level in given} - {self.identity}, reverse=not self.rising)
        if not found:
            raise ArgumentError("levels", expected="at least one level that changes something", got=list(given))
        return tuple(found)

    def damage(self, level: float) -> float:
        """How far a level is from changing nothing."""
        return level if self.rising else -level
