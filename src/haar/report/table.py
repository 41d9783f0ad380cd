"""A table: values once, shown in a terminal, in a page and in JSON."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from haar.errors import ShapeError, one_line, printable, require

if TYPE_CHECKING:
    from pandas import DataFrame

Cell = str | bool | int | float | None

_NOTHING = "–"
_VERDICTS = {"yes": "good", "holds": "good", "no": "bad", "contradicted": "bad", "broken": "bad"}
#: Bounds and numbers with an exponent, in escaped text.
_FIGURES = re.compile(r"(?:&[lg]t;=? )-?\d[\d.]*(?:e[-+]\d+)?|-?\d[\d.]*e[-+]\d+")
_STYLES = {"good": "green", "bad": "bold red"}


@dataclass(frozen=True)
class Table:
    """Columns and rows of values.

    Numbers stay numbers until they are shown: floats with four significant digits, True and False as *yes* and *no*,
    None and NaN as a dash.

    Args:
        title: What the table shows.
        columns: Headings of the columns.
        rows: One value for every column.
        note: A remark below the table.
        verdicts: Columns in which *yes* and *holds* are good, *no*, *contradicted* and *broken* bad: in green and red.
        addresses: Columns of files beside the page, which are links there.

    Raises:
        ShapeError: If a row has not one value for every column.

    Example:
        >>> table = Table("losses", ("model", "loss", "better"), [("base", 0.25, None), ("averaged", 0.2, True)])
        >>> table.to_dict()["rows"][1]
        ['averaged', 0.2, True]
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    verdicts: Sequence[str] = ()
    addresses: Sequence[str] = ()

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ShapeError(f"rows[{number}]", expected=f"{len(self.columns)} values, one a column", got=len(row))

    def to_dict(self) -> dict[str, Any]:
        """Title, columns, rows and note."""
        rows = [list(row) for row in self.rows]
        return {"title": self.title, "columns": list(self.columns), "rows": rows, "note": self.note}

    def to_pandas(self) -> DataFrame:
        """The table as a data frame, with its numbers as they are.

        Raises:
            MissingExtraError: If pandas is not installed.
        """
        frame: DataFrame = require("pandas", "tables").DataFrame(list(map(list, self.rows)), columns=list(self.columns))
        return frame

    def rich(self) -> RichTable:
        """The table for a terminal."""
        table = RichTable(
            title=_unmarked(self.title, "table.title") if self.title else None,
            caption=_unmarked(self.note, "table.caption") if self.note else None,
            box=box.SIMPLE_HEAD,
            title_justify="left",
            caption_justify="left",
        )
        for number, column in enumerate(self.columns):
            table.add_column(
                _unmarked(column, ""), justify="right" if self._is_numeric(number) else "left", overflow="fold"
            )
        for row in self.rows:
            cells = zip(row, self.columns, strict=True)
            table.add_row(
                *(Text(shown(cell), style=_STYLES.get(self._verdict(cell, name), "")) for cell, name in cells)
            )
        return table

    def __str__(self) -> str:
        """The table as it is printed: as wide as the terminal, at least 80 columns, without colours."""
        console = Console(file=StringIO(), color_system=None)
        console.width = max(80, console.width)
        with console.capture() as captured:
            console.print(self.rich())
        return "\n".join(line.rstrip() for line in captured.get().splitlines()).rstrip()

    def html(self) -> str:
        """The table for a page."""
        numeric = [
            ' class="number"' if self._is_numeric(number) else ' class="verdict"' if column in self.verdicts else ""
            for number, column in enumerate(self.columns)
        ]
        head = "".join(
            f"<th{kind}>{html.escape(column)}</th>" for column, kind in zip(self.columns, numeric, strict=True)
        )
        lines = []
        for row in self.rows:
            cells = (
                f"<td{self._class(cell, name) or kind}>{self._cell(cell, name)}</td>"
                for cell, name, kind in zip(row, self.columns, numeric, strict=True)
            )
            lines.append(f"<tr>{''.join(cells)}</tr>")
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        note = f'<p class="note">{html.escape(self.note)}</p>' if self.note else ""
        body = f"<thead><tr>{head}</tr></thead>\n<tbody>{''.join(lines)}</tbody>"
        kind = ' class="judged"' if self.verdicts else ""
        return f'<div class="table"><table{kind}>{caption}{body}</table></div>{note}'

    def markdown(self) -> str:
        """The table as text, without title and note.

        Example:
            >>> print(Table("losses", ("model", "loss"), [("base", 0.25)]).markdown(), end="")
            | model | loss |
            |---|---|
            | base | 0.25 |
        """
        rows = [self.columns, *([shown(cell) for cell in row] for row in self.rows)]
        lines = ["| " + " | ".join(one_line(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
        return "\n".join([lines[0], "|" + "---|" * len(self.columns), *lines[1:]]) + "\n"

    def _cell(self, cell: Cell, column: str) -> str:
        text = html.escape(shown(cell))
        if column in self.addresses and isinstance(cell, str) and ":" not in cell:
            return f'<a href="{text}">{text}</a>' if cell else ""
        return _kept_together(text)

    def _verdict(self, cell: Cell, column: str) -> str:
        if column not in self.verdicts or not isinstance(cell, (bool, str)):
            return ""
        return _VERDICTS.get(shown(cell), "")

    def _class(self, cell: Cell, column: str) -> str:
        verdict = self._verdict(cell, column)
        return f' class="{verdict} verdict"' if verdict else ""

    def _is_numeric(self, column: int) -> bool:
        kinds = {type(row[column]) for row in self.rows if row[column] is not None}
        return bool(kinds) and kinds <= {int, float}


def _kept_together(text: str) -> str:
    """Escaped text whose numbers with an exponent, and bounds, are not broken at the end of a line."""
    return _FIGURES.sub(r'<span class="kept">\g<0></span>', text)


def _unmarked(text: str, style: str) -> str | Text:
    """Text that no console takes for markup."""
    text = printable(text)
    return Text(text, style) if "[" in text or ":" in text else text


def shown(cell: Cell) -> str:
    """A value in words.

    Example:
        >>> [shown(value) for value in (0.123456, 3, True, None, float("nan"), 1.5e-9, 1234567.0)]
        ['0.1235', '3', 'yes', '–', '–', '1.5e-09', '1.235e+06']
    """
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return _NOTHING
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return printable(str(cell))
