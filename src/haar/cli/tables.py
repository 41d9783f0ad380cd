"""The tables of a report in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from haar.report import Section


def print_tables(screen: Console, sections: Sequence[Section]) -> None:
    """The tables of a report, each under a title."""
    for section in sections:
        if section.table is not None:
            if section.title and not section.table.title:
                screen.print(section.title, style="bold")
            screen.print(section.table.rich())
