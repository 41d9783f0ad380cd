"""HDF5 attributes with a type: a missing or mistyped one is named, with the file and the object that lacks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from haar.data.well.opening import guarded
from haar.errors import DataError


@dataclass(frozen=True)
class Attributes:
    """The attributes of one HDF5 object.

    Args:
        path: The file, for messages.
        of: The file, group or data set that carries the attributes.
    """

    path: str
    of: h5py.HLObject

    def raw(self, name: str) -> Any:
        """The attribute as h5py gives it.

        Raises:
            DataError: If it is missing or cannot be read.
        """
        with guarded(self.path, f"reading the attribute {name} of {self.of.name}"):
            if name not in self.of.attrs:
                raise DataError(f"{self.path}: {self.of.name} has no attribute {name}")
            return self.of.attrs[name]

    def has(self, name: str) -> bool:
        """Whether the attribute is there."""
        with guarded(self.path, f"reading the attributes of {self.of.name}"):
            return name in self.of.attrs

    def text(self, name: str) -> str:
        """One string."""
        value = self.raw(name)
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(-1)[0]
        return self._string(name, value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; one bare string counts as a list of one (The Well's own example file writes it so)."""
        value = self.raw(name)
        if isinstance(value, str | bytes):
            value = [value]
        if isinstance(value, h5py.Empty):  # type: ignore[attr-defined]
            value = []
        return tuple(self._string(name, each) for each in np.asarray(value, dtype=object).reshape(-1))

    def integer(self, name: str) -> int:
        """One whole number."""
        value = np.asarray(self.raw(name))
        if value.size != 1 or value.dtype.kind not in "iuf" or not np.isfinite(value).all():
            raise self._wrong(name, "one whole number", value)
        number = float(value.reshape(-1)[0])
        if number != int(number):
            raise self._wrong(name, "one whole number", value)
        return int(number)

    def flag(self, name: str, default: bool | None = None) -> bool:  # noqa: FBT001
        """One boolean; `default` where the attribute may be missing."""
        if default is not None and not self.has(name):
            return default
        value = np.asarray(self.raw(name))
        if value.size != 1 or value.dtype.kind not in "biu":
            raise self._wrong(name, "True or False", value)
        return bool(value.reshape(-1)[0])

    def flags(self, name: str, length: int) -> tuple[bool, ...]:
        """A list of `length` booleans."""
        value = np.asarray(self.raw(name)).reshape(-1)
        if value.size != length or value.dtype.kind not in "biu":
            raise self._wrong(name, f"{length} values True or False", value)
        return tuple(bool(each) for each in value)

    def _string(self, name: str, value: object) -> str:
        if isinstance(value, bytes):
            with guarded(self.path, f"decoding the attribute {name} of {self.of.name}"):
                return value.decode("utf-8")
        if not isinstance(value, str):
            raise self._wrong(name, "text", value)
        return str(value)

    def _wrong(self, name: str, expected: str, got: object) -> DataError:
        shown = " ".join(str(got).split())[:60]
        return DataError(f"{self.path}: the attribute {name} of {self.of.name} should be {expected}, it is {shown}")
