"""Pickles of plain containers and numeric arrays, read without running anything a stranger wrote."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from haar.errors import DataError

# What numpy writes for an array of numbers, under its old and new module names, and the bytes of protocol 2.
_ALLOWED = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
        *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
        *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    }
)


class _NumbersOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}")
        return super().find_class(module, name)


def read_numbers(path: str | os.PathLike[str]) -> Any:
    """Read a pickle that holds containers, numbers, text and numeric arrays, and nothing else.

    A pickle may name any function and have it called. Here a file that names anything but the parts of a numeric array
    is refused before that happens, so it is safe to open one from the net.

    Args:
        path: The file.

    Returns:
        What was pickled.

    Raises:
        DataError: If the file is missing, is not a pickle, or asks for more than numbers.

    Example:
        >>> import pickle, tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "numbers.pkl"
        >>> _ = path.write_bytes(pickle.dumps(([1, 2], {"a": 0.5})))
        >>> read_numbers(path)
        ([1, 2], {'a': 0.5})
    """
    try:
        with Path(path).open("rb") as file:
            return _NumbersOnly(file).load()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # a broken pickle fails in any way it likes
        raise DataError(f"{path}: not a pickle of plain numbers: {error}") from error
