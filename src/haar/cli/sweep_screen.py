"""The table of a sweep while it runs: drawn anew on a terminal, elsewhere a line for every change."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from haar.cli.loudness import QUIET, loudness

if TYPE_CHECKING:
    from haar.sweeps import Row


class SweepScreen:
    """Shows how the parts stand, on stderr; as a context."""

    def __init__(self) -> None:
        self._live: Any = None
        self._states: dict[str, str] = {}

    def __enter__(self) -> SweepScreen:  # noqa: PYI034 (the shape checks cannot resolve Self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, rows: Sequence[Row]) -> None:
        """Show them.

        Args:
            rows: All parts.
        """
        if loudness() == QUIET:
            return
        if sys.stderr.isatty():
            self._draw(rows)
            return
        for row in rows:
            if self._states.get(row.name, "waiting") != row.state:
                told = f" after {row.seconds:.0f} s" if row.seconds and row.state in ("finished", "failed") else ""
                sys.stderr.write(f"{row.name}: {row.state}{told}{f': {row.doing}' if row.state == 'failed' else ''}\n")
            self._states[row.name] = row.state

    def _draw(self, rows: Sequence[Row]) -> None:
        from rich.console import Console
        from rich.live import Live

        from haar.sweeps import sweep_table

        if self._live is None:
            self._live = Live(console=Console(stderr=True, markup=False, emoji=False), auto_refresh=False)
            self._live.start()
        self._live.update(sweep_table(rows).rich(), refresh=True)
