"""Windows of a rollout: which predicted steps a score is averaged over."""

from __future__ import annotations

import re
from dataclasses import dataclass

from haar.errors import ArgumentError


@dataclass(frozen=True, order=True)
class StepRange:
    """Predicted steps `first` to `last`, counted from 1, both ends included.

    Args:
        first: The first step; 1 is the first prediction.
        last: The last step.

    Raises:
        ArgumentError: If they are not 1 <= first <= last.

    Example:
        >>> StepRange.parse("6:12"), str(StepRange(1, 1))
        (StepRange(first=6, last=12), '1')
    """

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last:
            raise ArgumentError("steps", expected="1 <= first <= last", got=f"{self.first}:{self.last}")

    @classmethod
    def parse(cls, text: str | StepRange) -> StepRange:
        """Read ``"6:12"`` or ``"1"``.

        Raises:
            ArgumentError: If the text is anything else.
        """
        if isinstance(text, StepRange):
            return text
        match = re.fullmatch(r"\s*(\d+)\s*(?::\s*(\d+)\s*)?", text)
        if match is None:
            raise ArgumentError("steps", expected="'first:last' or 'step', counted from 1", got=repr(text))
        first, last = match.groups()
        return cls(int(first), int(last if last is not None else first))

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}:{self.last}"

    @property
    def index(self) -> slice:
        """The same steps as a slice of an array whose entry 0 is step 1."""
        return slice(self.first - 1, self.last)


ONE_STEP = StepRange(1, 1)
PROTOCOL = (ONE_STEP, StepRange(6, 12), StepRange(13, 30))
