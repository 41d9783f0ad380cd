"""How long work says how far it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable

Advance = Callable[[], None]


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
    """Nobody listens.

    Example:
        >>> with Unwatched().stage("training", 2) as advance:
        ...     advance()
    """

    @contextmanager
    def stage(self, title: str, total: int | None) -> Iterator[Advance]:
        """Do nothing."""
        del title, total
        yield lambda: None
