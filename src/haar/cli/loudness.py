"""How much a command says: -q the last word alone, -v also what went on, and the traceback of what failed."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import Any

QUIET, PLAIN, VERBOSE = -1, 0, 1
_level: ContextVar[int] = ContextVar("loudness", default=PLAIN)


def loudness() -> int:
    """QUIET, PLAIN or VERBOSE."""
    return _level.get()


def set_loudness(level: int) -> None:
    """Say how much is said from here on; of -v the library's log goes to stderr."""
    _level.set(level)
    log = logging.getLogger("haar")
    for handler in [one for one in log.handlers if isinstance(one, _ToStderr)]:
        log.removeHandler(handler)
    if level == VERBOSE:
        handler = _ToStderr()
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)


class _ToStderr(logging.Handler):
    """Lines on the stderr of the moment."""

    def emit(self, record: Any) -> None:
        sys.stderr.write(self.format(record) + "\n")
