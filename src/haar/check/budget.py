"""How long a check may train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from haar.errors import ArgumentError, check_count, check_rate
from haar.limits import FEWEST_STEPS


@dataclass(frozen=True)
class Budget:
    """How long `haar.check` may fine-tune a copy of the model, and how.

    Args:
        steps: Steps of Adam, of the relaxed copy and of the plain one beside it.
        seconds: What the relaxed copy's steps may take, judged by the first ones: of `steps` as many are taken as fit.
            None for no bound, and the same bits on every machine of one kind.
        batch_size: Samples a step, drawn with replacement.
        learning_rate: Of the first steps; it falls along a cosine.

    Raises:
        ArgumentError: If a number is out of range.

    Example:
        >>> Budget(steps=50).steps_of(0.5)
        50
        >>> Budget(steps=500, seconds=60.0).steps_of(0.5)
        120
    """

    steps: int = 150
    seconds: float | int | None = 60.0
    batch_size: int = 16
    learning_rate: float | int = 1e-3

    def __post_init__(self) -> None:
        check_count("steps", self.steps, least=FEWEST_STEPS)
        check_rate("seconds", self.seconds)
        check_count("batch_size", self.batch_size)
        check_rate("learning_rate", self.learning_rate)

    @classmethod
    def of(cls, asked: Any) -> Budget | None:
        """What ``relax=`` means: nothing, the usual budget, so many steps, or a budget.

        Args:
            asked: False or None, True, a number of steps, or a budget.

        Raises:
            ArgumentError: If it is anything else.
        """
        if asked is None or asked is False:
            return None
        if isinstance(asked, Budget):
            return asked
        if asked is True:
            return cls()
        if isinstance(asked, int):
            return cls(steps=asked)
        raise ArgumentError(
            "relax", expected="True, a number of steps, or haar.check.Budget(...)", got=type(asked).__name__
        )

    def steps_of(self, cost: float) -> int:
        """How many steps are taken.

        Args:
            cost: Seconds that one takes.
        """
        return self.steps if self.seconds is None or cost <= 0 else min(self.steps, int(self.seconds / cost))
