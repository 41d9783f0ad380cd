"""What the terminal shows: results on stdout, progress on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from haar.systems.watch import Advance


def console() -> Console:
    """Where results go. When nobody watches (a pipe, a file), lines are not cut at 80 columns."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
    return Console(width=width, highlight=False, soft_wrap=False)


class ProgressBars:
    """A `haar.systems.watch.Watch` that draws a bar for every stage.

    Args:
        quiet: Draw nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            disable=quiet,
        )

    def __enter__(self) -> ProgressBars:  # noqa: PYI034 (the shape checks cannot resolve Self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress.live.is_started:
            self._progress.stop()

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Advance]:
        """A bar of `total` steps."""
        self._progress.start()  # only now: an error before the first stage leaves no empty line
        task = self._progress.add_task(title, total=total)
        yield lambda: self._progress.advance(task)
        self._progress.update(task, completed=total)
