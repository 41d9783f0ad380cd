"""One array of NumPy's format, as long as its header says."""

from __future__ import annotations

import math
import os
from io import BufferedIOBase

import numpy as np
from jaxtyping import Shaped
from numpy.lib import format as npy

from haar.errors import DataError, HaarError
from haar.received.claim import check_claim, check_file


def read_array(path: str | os.PathLike[str]) -> Shaped[np.ndarray, "..."]:
    """Read a ``.npy`` file of plain values; pickled objects are refused.

    Args:
        path: Path of the ``.npy`` file.

    Raises:
        DataError: If it is missing, is no such file, holds objects or records, or promises more than it holds.
    """
    file = check_file(path)
    try:
        with file.open("rb") as stream:
            return read_stream(stream, str(path), file.stat().st_size)
    except HaarError:
        raise
    except Exception as error:  # a damaged header fails in any way it likes
        raise DataError(f"{path}: not an array of NumPy ({_brief(error)})") from error


def read_stream(stream: BufferedIOBase, what: str, size: int) -> Shaped[np.ndarray, "..."]:
    """Read an array from an open file.

    Args:
        stream: At the beginning of the array.
        what: The file and the part of it, for messages.
        size: Bytes of the stream.

    Raises:
        DataError: As `read_array`.
        ValueError: If the header is damaged.
    """
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise DataError(f"{what}: expected plain numbers, got an array of format {version[0]}.{version[1]}")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_columns, dtype = read_header(stream)
    if dtype.hasobject or dtype.kind == "V":
        raise DataError(f"{what}: expected plain numbers, got {dtype}; nothing is unpickled")
    if any(length < 0 for length in shape):
        raise DataError(f"{what}: a shape with a negative length, {shape}")
    count = math.prod(shape)
    check_claim(what, count * dtype.itemsize, size - stream.tell())
    # Only as much is read as is promised, and it was seen to be there.
    held = stream.read(count * dtype.itemsize)
    check_claim(what, count * dtype.itemsize, len(held))
    values = np.frombuffer(bytearray(held), dtype=dtype, count=count)
    return values.reshape(shape[::-1]).transpose() if by_columns else values.reshape(shape)


def _brief(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]
