"""How long work says how far it is, without knowing who listens."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable

Advance = Callable[[], None]

_LOGGER = logging.getLogger(__name__)


@runtime_checkable
class Watch(Protocol):
    """Someone who is told of progress, such as a progress bar."""

    def stage(self, title: str, total: int | None) -> AbstractContextManager[Advance]:
        """Begin a stage; the value of the context is called once after every step.

        Args:
            title: What is done.
            total: The number of steps, where that is known.
        """
        ...


class Unwatched:
    """Nobody looks on: stages are told to `logging` alone, at the level INFO of the logger ``haar.watch``.

    Example:
        >>> with Unwatched().stage("training", 2) as advance:
        ...     advance()
    """

    @contextmanager
    def stage(self, title: str, total: int | None) -> Iterator[Advance]:
        """Say that a stage begins, and how long it took."""
        steps = "" if total is None else f", {total} steps"
        _LOGGER.info("%s%s", title, steps)
        begun = time.perf_counter()
        yield lambda: None
        _LOGGER.info("%s: done in %.2f s", title, time.perf_counter() - begun)
