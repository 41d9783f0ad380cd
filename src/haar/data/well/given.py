"""What a writer is given beside the runs: what they all share, and how numbers are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from haar.data.well.values import Values
from haar.errors import ArgumentError


@dataclass(frozen=True)
class Shared:
    """What all trajectories of a file share.

    Args:
        parameters: Simulation parameters: numbers (or text) that hold for the whole file.
        scalars: Other numbers that are the same for all trajectories: () or (T,).
        fields: Values of the fields that are not ``sample_varying``.

    Example:
        >>> Shared({"Reynolds": 100.0}).parameters["Reynolds"]
        100.0
    """

    parameters: Mapping[str, Values | str] = field(default_factory=dict)
    scalars: Mapping[str, Values] = field(default_factory=dict)
    fields: Mapping[str, Values] = field(default_factory=dict)


@dataclass(frozen=True)
class Storage:
    """How numbers are stored.

    Args:
        dtype: ``"float32"`` as the format has it, or ``"float64"``.
        nan: ``"refuse"`` NaN and infinity, or ``"keep"`` them.

    Raises:
        ArgumentError: If one of them has another value.

    Example:
        >>> Storage("float64").finite
        True
    """

    dtype: str = "float32"
    nan: str = "refuse"

    def __post_init__(self) -> None:
        if self.dtype not in ("float32", "float64"):
            raise ArgumentError("dtype", expected="'float32' or 'float64'", got=repr(self.dtype))
        if self.nan not in ("refuse", "keep"):
            raise ArgumentError("nan", expected="'refuse' or 'keep'", got=repr(self.nan))

    @property
    def kind(self) -> np.dtype:
        """The type as numpy's."""
        return np.dtype(self.dtype)

    @property
    def finite(self) -> bool:
        """Whether every number must be finite."""
        return self.nan == "refuse"
