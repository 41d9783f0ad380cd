"""The tables of a report in the terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console

from haar.cli.loudness import QUIET, loudness
from haar.report import Section, Table
from haar.report.table import shown


def print_tables(screen: Console, sections: Sequence[Section]) -> None:
    """The tables of a report, each under a title, a wide one in several parts."""
    for section in sections:
        if section.table is not None and loudness() != QUIET:
            if section.title and not section.table.title:
                screen.print(section.title, style="bold")
            print_table(screen, section.table)


def print_table(screen: Console, table: Table) -> None:
    """One table, in several parts if the screen is too narrow."""
    for part in fitted(table, screen.width) if loudness() != QUIET else ():
        screen.print(part.rich())


def fitted(table: Table, width: int) -> list[Table]:
    """A table cut into parts that a screen shows without breaking a word; each part begins with the first column.

    Example:
        >>> wide = Table("", ("name", "first", "second"), [("a", 1.0, 2.0)])
        >>> [part.columns for part in fitted(wide, 20)]
        [('name', 'first'), ('name', 'second')]
        >>> len(fitted(wide, 40))
        1
    """
    if not _broken(table, width):
        return [table]
    parts: list[list[int]] = [[0]]
    for column in range(1, len(table.columns)):
        # What is broken in any case, such as a long path, shall not cut the rest into strips.
        inevitable = _broken(_part(table, parts[-1]), width) | _broken(_part(table, [0, column]), width)
        if _broken(_part(table, [*parts[-1], column]), width) <= inevitable:
            parts[-1].append(column)
        else:
            parts.append([0, column])
    last = len(parts) - 1
    return [
        _part(table, columns, title="" if number else table.title, note="" if number < last else table.note)
        for number, columns in enumerate(parts)
    ]


def _part(table: Table, columns: Sequence[int], *, title: str = "", note: str = "") -> Table:
    rows = [[row[column] for column in columns] for row in table.rows]
    return Table(title, tuple(table.columns[column] for column in columns), rows, note, table.verdicts)


def _broken(table: Table, width: int) -> set[str]:
    """Words that a screen of a width does not show whole."""
    page = Console(width=width, file=io.StringIO(), color_system=None)
    with page.capture() as seen:
        page.print(_part(table, range(len(table.columns))).rich())
    words = {word for row in (table.columns, *table.rows) for cell in row for word in shown(cell).split()}
    return words - set(seen.get().split())
