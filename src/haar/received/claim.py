"""What a file says of its own length, against the bytes that are there."""

from __future__ import annotations

import os
from pathlib import Path

from haar.errors import DataError

#: Contents up to this size are taken as they come: no machine is brought down by them.
SMALL = 1 << 26
#: Beyond it, how much larger than what is stored contents may be. Deflate reaches 1032 with zeros, and 2 to 20 with
#: measurements: what is packed more tightly holds nothing, or is meant to fill the memory.
RATIO = 200


def check_file(path: str | os.PathLike[str]) -> Path:
    """A file that is there, is one, and is not empty.

    Args:
        path: Path of the file.

    Raises:
        DataError: Saying which of these it is not.

    Example:
        >>> check_file("/nowhere.npy")
        Traceback (most recent call last):
        ...
        haar.errors.DataError: /nowhere.npy: no such file
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise DataError(f"{path}: this is a folder, not a file")
        if not path.exists():
            raise DataError(f"{path}: no such file")
        if not path.is_file():
            raise DataError(f"{path}: no regular file")
        if path.stat().st_size == 0:
            raise DataError(f"{path}: the file is empty (0 bytes)")
    except (OSError, ValueError) as error:  # no permission; a name that no file can have
        raise DataError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return path


def check_claim(what: str, claimed: int, stored: int, *, packed: bool = False) -> None:
    """Refuse contents that claim to be larger than what is stored of them.

    Args:
        what: The file and the part of it, for the message.
        claimed: Bytes that would be taken in memory.
        stored: Bytes that the file holds of it.
        packed: Whether they are compressed.

    Raises:
        DataError: If the claim is too large.

    Example:
        >>> check_claim("a.npy", 8_000, 800)
        Traceback (most recent call last):
        ...
        haar.errors.DataError: a.npy: promises 8000 bytes, and holds 800
    """
    if not packed and claimed > stored:
        raise DataError(f"{what}: promises {claimed} bytes, and holds {stored}")
    if packed and claimed > SMALL and claimed > RATIO * stored:
        raise DataError(
            f"{what}: {stored} bytes that unpack to {claimed}, more than {RATIO} times as many, would only fill the "
            "memory; write it without compression if it is meant"
        )
