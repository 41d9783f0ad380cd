"""The statistics that a Well folder carries in ``stats.yaml``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jaxtyping import Float

from haar.errors import DataError
from haar.files import atomic_path
from haar.received import read_yaml

KEYS = ("mean", "std", "rms", "mean_delta", "std_delta", "rms_delta")
_REQUIRED = ("mean", "std")
Table = Mapping[str, Float[np.ndarray, "..."]]


@dataclass(frozen=True)
class Statistics:
    """Mean, standard deviation and root mean square of every field and of its change from one step to the next.

    Every entry maps a field to a float64 array of its components: shape () for a scalar, (D,) for a vector, (D, D) for
    a tensor. Fields that do not vary in time have no change, and are not in the ``delta`` tables.

    Args:
        mean: Over trajectories, steps and space.
        std: Of the population (divided by the count).
        rms: Root mean square.
        mean_delta: Of x(t + 1) - x(t).
        std_delta: Of x(t + 1) - x(t).
        rms_delta: Of x(t + 1) - x(t).

    Example:
        >>> Statistics(mean={"p": np.array(1.0)}, std={"p": np.array(2.0)}).to_dict()["std"]
        {'p': 2.0}
    """

    mean: Table
    std: Table
    rms: Table = field(default_factory=dict)
    mean_delta: Table = field(default_factory=dict)
    std_delta: Table = field(default_factory=dict)
    rms_delta: Table = field(default_factory=dict)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain numbers, lists and nested lists, as ``stats.yaml`` holds them."""
        return {key: {name: np.asarray(v).tolist() for name, v in getattr(self, key).items()} for key in KEYS}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a ``stats.yaml``."""
        with atomic_path(path) as part:
            part.write_text(yaml.safe_dump(self.to_dict(), default_flow_style=False), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Statistics:
        """Read a ``stats.yaml``.

        Raises:
            DataError: If it is missing, unreadable, or holds anything but finite numbers where the format has them.
        """
        path = Path(path)
        content = read_yaml(path)
        if not isinstance(content, dict):
            raise DataError(f"{path}: expected the keys {', '.join(KEYS)}, found {type(content).__name__}")
        missing = [key for key in _REQUIRED if key not in content]
        if missing:
            raise DataError(f"{path}: the key {missing[0]} is missing; it has {', '.join(map(str, content)) or 'none'}")
        return cls(**{key: _table(path, key, content.get(key) or {}) for key in KEYS})


def _table(path: Path, key: str, entries: Any) -> dict[str, Float[np.ndarray, "..."]]:
    if not isinstance(entries, dict):
        raise DataError(f"{path}: {key} should map fields to numbers, it is {type(entries).__name__}")
    found = {}
    for name, value in entries.items():
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"{path}: {key} of {name} is not a number or a list of numbers: {value!r}") from error
        if not np.isfinite(array).all():
            raise DataError(f"{path}: {key} of {name} is not finite: {value!r}")
        if key.startswith(("std", "rms")) and (array < 0).any():
            raise DataError(f"{path}: {key} of {name} is negative: {value!r}")
        found[str(name)] = array
    return found
