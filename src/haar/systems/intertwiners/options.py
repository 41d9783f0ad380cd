"""What a preset says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Maps that are counted and timed, and networks that learn.

    Attributes:
        pairs: Names of the pairs that are counted; none for all.
        timings: Sizes that are timed, by family.
        repeats: Times that each is timed.
        samples: Numbers of training samples, by task.
        rates: Learning rates to choose from.
        steps: Number of training steps.
        test: Samples that errors are measured on.
    """

    pairs: tuple[str, ...]
    timings: Mapping[str, tuple[int, ...]]
    repeats: int
    samples: Mapping[str, tuple[int, ...]]
    rates: tuple[float, ...]
    steps: int
    test: int
