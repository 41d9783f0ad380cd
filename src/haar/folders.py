"""Folders, and files, that one command at a time writes into."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haar.errors import ArgumentError

#: The file in a folder that says that it is taken.
LOCK = ".haar-lock"


@contextmanager
def claimed(folder: str | os.PathLike[str], argument: str = "--out") -> Iterator[Path]:
    """Hold a folder for this process alone; the claim ends with the block, and with the process if it is killed.

    Args:
        folder: The folder; it is made.
        argument: What the user calls it, for the message.

    Yields:
        The folder.

    Raises:
        ArgumentError: If another process holds it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name, claimed(name) as folder:
        ...     sorted(path.name for path in folder.iterdir())
        ['.haar-lock']
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    with _locked(place / LOCK, argument, "a folder", place):
        yield place


def is_claimed(folder: str | os.PathLike[str]) -> bool:
    """Whether a process holds a folder by `claimed`.

    Args:
        folder: The folder, which may not be there.

    Example:
        >>> with claimed("/tmp/haar-example") as folder:
        ...     print(is_claimed(folder))
        True
        >>> is_claimed("/tmp/haar-example")
        False
    """
    lock = Path(folder) / LOCK
    try:
        handle = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _alone(handle)
    finally:
        os.close(handle)


@contextmanager
def claimed_file(path: str | os.PathLike[str], argument: str = "--out") -> Iterator[Path]:
    """Hold the name of a file for this process alone, as `claimed` holds a folder; others in the folder stay free.

    Args:
        path: The file; the folder that it lies in is made.
        argument: What the user calls it, for the message.

    Yields:
        The path.

    Raises:
        ArgumentError: If another process holds it.

    Example:
        >>> with claimed_file("/tmp/haar-example.txt") as path:
        ...     _ = path.write_text("by one process alone")
    """
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place.parent / f".{place.name}{LOCK}", argument, "a file", place):
        yield place


@contextmanager
def _locked(lock: Path, argument: str, kind: str, place: Path) -> Iterator[None]:
    handle = _taken(lock)
    if handle is None:
        raise ArgumentError(
            argument,
            expected=f"{kind} that no other command writes into",
            got=str(place),
            way_out=f"wait for it to end, or give another {kind.removeprefix('a ')}",
        )
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)


def _taken(lock: Path) -> int | None:
    """The open lock; None where another process has it."""
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        if not _alone(handle):
            os.close(handle)
            return None
        try:
            # One that ended in between has removed the name: then this is the lock of nothing.
            if os.fstat(handle).st_ino == lock.stat().st_ino:
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)


def _alone(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True
