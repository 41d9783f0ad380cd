"""What every meter is: a plain object that takes a reading when it is told to, and keeps it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

Reading = Mapping[str, float]
"""Numbers by name; those of a layer are named ``layer/number``."""


class Meter(ABC):
    """Watches a training from outside: call `update` where a reading is wanted.

    A meter changes nothing: not the model's mode, nor its gradients, nor any random state. What a reading costs is said
    by each.

    Attributes:
        readings: What was read, in order; every one has the same names.
    """

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    @abstractmethod
    def measure(self, *given: Any) -> Reading:
        """What there is to read now.

        Args:
            given: What the meter looks at, if it is no part of itself: a batch of inputs, for some.
        """

    def update(self, *given: Any) -> Reading:
        """Take a reading and keep it.

        Args:
            given: As `measure` has it.
        """
        found = self.measure(*given)
        self.readings.append(found)
        return found

    def series(self, name: str) -> list[float]:
        """One number of all readings, in order.

        Args:
            name: As it stands in the readings.
        """
        return [reading[name] for reading in self.readings]

    def reset(self) -> None:
        """Forget what was read."""
        self.readings = []
