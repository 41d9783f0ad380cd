"""What is said when something fails: one line, with the user's own code named where it was that which failed."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haar.cli.loudness import VERBOSE, loudness
from haar.entry import own_code

#: Set to anything, it shows the whole traceback of every failure.
TRACEBACK = "HAAR_TRACEBACK"
_WAY = f"{TRACEBACK}=1 shows the whole traceback"
_LONGEST = 400


class Interrupted(Exception):  # noqa: N818 (it is no error)
    """A command was interrupted, and can go on; the message says how."""


class WayOn(str):
    """A note on an error that the command line shows after its message; others are the user's own."""

    __slots__ = ()


@contextmanager
def goes_on(where: Path) -> Iterator[None]:
    """Say, when the block is interrupted, that the same command goes on.

    Args:
        where: What keeps the finished parts.

    Raises:
        Interrupted: In place of a KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(f"{where} keeps what is finished, and the same command goes on from there") from error


def told(error: BaseException) -> str:
    """An error that nothing foresaw, in one line: where in the user's code, its kind, its message.

    Example:
        >>> told(ZeroDivisionError("division by zero")).split(";")[0]
        'ZeroDivisionError: division by zero'
    """
    text = " ".join(str(error).split())
    kind = type(error).__name__
    if isinstance(error, SystemExit):
        kind, text = "the process was ended", f"by sys.exit({error.code!r})"
    elif isinstance(error, MemoryError):
        text = f"{text} (the memory does not suffice)".strip()
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    place = own_code(error)
    told = f"{kind}: {text}" if text else kind
    return f"{place}: {told}; {_WAY}" if place else f"{told}; {_WAY}"


def show_traceback(error: BaseException) -> None:
    """Write the traceback to stderr, if it is asked for."""
    if os.environ.get(TRACEBACK) or loudness() == VERBOSE:
        traceback.print_exception(error, file=sys.stderr)
