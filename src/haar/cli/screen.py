"""What the terminal shows: results on stdout, progress on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from haar.cli.loudness import QUIET, loudness
from haar.errors import one_line, printable
from haar.watch import Advance

if TYPE_CHECKING:  # it imports torch
    from haar.cli.model_file import LoadedModel


def console() -> Console:
    """Where results go. When nobody watches (a pipe, a file), lines are not cut at 80 columns."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
    return _Screen(width=width, highlight=False, soft_wrap=False, markup=False, emoji=False)


class _Screen(Console):
    """Text is shown as it is: names and paths are not markup, and move no cursor."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


def warn_bare(loaded: LoadedModel, model: str) -> None:
    """Say of a factory's module that nothing was loaded into it: its answers are those of random numbers, most often.

    Args:
        loaded: The model as its file gave it.
        model: What the user calls it.
    """
    if loaded.bare:
        count = sum(p.numel() for p in loaded.module.parameters())
        words = f"{model} is taken with its {count} parameters as the factory made them; --weights loads trained ones"
        sys.stderr.write(f"warning: {one_line(words)}\n")


class ProgressBars:
    """A `haar.watch.Watch` that draws a bar for every stage.

    Args:
        quiet: Whether nothing is drawn.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=_Screen(stderr=True, markup=False, emoji=False),
            disable=quiet or loudness() == QUIET,
        )

    def __enter__(self) -> ProgressBars:  # noqa: PYI034 (the shape checks cannot resolve Self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress.live.is_started:
            self._progress.stop()

    @contextmanager
    def stage(self, title: str, total: int | None) -> Iterator[Advance]:
        """A bar of `total` steps, or one without an end."""
        self._progress.start()  # only now: an error before the first stage leaves no empty line
        task = self._progress.add_task(printable(title), total=total)
        yield lambda: self._progress.advance(task)
        if total is not None:
            self._progress.update(task, completed=total)
