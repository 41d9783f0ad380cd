"""Opening HDF5 so that every failure is one clear line: which file, what was being read, why it could not be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import h5py

from haar.data.well.contained import check_contained
from haar.errors import DataError, HaarError
from haar.received import check_file

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
    except (
        OSError,
        RuntimeError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        ArithmeticError,
        MemoryError,
    ) as error:
        raise DataError(f"{path}: {doing} failed: {_reason(error)}") from error


def open_hdf5(path: str | os.PathLike[str], *, seen: bool = False) -> h5py.File:
    """Open an HDF5 file for reading, and see that it stands for itself (`check_contained`).

    Args:
        path: Path of the file.
        seen: The same file was opened before, and need not be looked through again.

    Returns:
        The open file; the caller closes it.

    Raises:
        DataError: If the file does not exist, may not be read, is not HDF5, is truncated, reaches into another file,
            or promises more than it holds.
    """
    path = check_file(path)
    with guarded(path, "opening it as HDF5"):
        file = h5py.File(path, "r")  # type: ignore[attr-defined]
    try:
        with guarded(path, "reading its structure"):
            if not seen:
                check_contained(file, path)
    except BaseException:
        file.close()
        raise
    return file


def _reason(error: Exception) -> str:
    text = " ".join(str(error).strip("'\"").split()) or type(error).__name__
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
