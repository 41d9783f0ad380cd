"""Opening HDF5 so that every failure is one clear line: which file, what was being read, why it could not be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from haar.errors import DataError, HaarError

_LONGEST = 160


@contextmanager
def guarded(path: str | os.PathLike[str], doing: str) -> Iterator[None]:
    """Turn whatever HDF5 raises on a damaged file into a `DataError` of one line.

    Args:
        path: The file that is being read.
        doing: What is being done, for the message: ``"reading the field velocity"``.

    Raises:
        DataError: In place of any error of the HDF5 library inside the block. Errors of `haar` pass unchanged.

    Example:
        >>> with guarded("run.hdf5", "reading the field velocity"):
        ...     raise OSError("Can't read data (wrong B-tree signature)")
        Traceback (most recent call last):
        ...
        haar.errors.DataError: run.hdf5: reading the field velocity failed: Can't read data (wrong B-tree signature)
    """
    try:
        yield
    except HaarError:
        raise
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise DataError(f"{path}: {doing} failed: {_reason(error)}") from error


def open_hdf5(path: str | os.PathLike[str]) -> h5py.File:
    """Open an HDF5 file for reading.

    Args:
        path: The file.

    Returns:
        The open file; the caller closes it.

    Raises:
        DataError: If the file does not exist, may not be read, is not HDF5 or is truncated.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if path.is_dir():
        raise DataError(f"{path}: this is a folder, not an HDF5 file")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty (0 bytes)")
    with guarded(path, "opening it as HDF5"):
        return h5py.File(path, "r")  # type: ignore[attr-defined]


def _reason(error: Exception) -> str:
    text = " ".join(str(error).strip("'\"").split()) or type(error).__name__
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
