"""FRED-MD's CSV: a row of series, a row of transformation codes, then one row a month."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from haar.data.monthly.codes import CODES, transformed
from haar.errors import ArgumentError, DataError, one_line, require

if TYPE_CHECKING:
    from pandas import DataFrame

_LAYOUT = "FRED-MD's layout: a row of series, a row 'Transform:' of codes, then one row a month"
_DATES = ("%m/%d/%Y", "%Y-%m-%d")
#: Larger files are something else: the published ones have less than a megabyte.
_MOST_BYTES = 200_000_000


@dataclass(frozen=True, eq=False)
class MonthlyTable:
    """Series by month, and what is to be done with each before it is used.

    Attributes:
        dates: The first day of every month, rising.
        names: Of the series.
        codes: Transformation of each, see `haar.data.monthly.CODES`.
        values: NaN where a value is missing, ``(months, series)``.
    """

    dates: np.ndarray
    names: tuple[str, ...]
    codes: tuple[int, ...]
    values: Float[np.ndarray, "months series"]

    def transformed(self, *, drop: int = 2) -> MonthlyTable:
        """Every series by its code, which is 1 afterwards.

        Args:
            drop: Months at the beginning that are dropped, which second differences do not have.

        Raises:
            ArgumentError: If a series cannot be transformed; it names it.
        """
        columns = []
        for name, code, column in zip(self.names, self.codes, self.values.T, strict=True):
            try:
                columns.append(transformed(column, code))
            except ArgumentError as error:
                raise ArgumentError(f"series {name}", expected=error.expected, got=error.got) from error
        codes = (1,) * len(self.names)
        return MonthlyTable(self.dates[drop:], self.names, codes, np.stack(columns, 1)[drop:])

    def complete(self) -> MonthlyTable:
        """Only the series without a missing value."""
        kept = ~np.isnan(self.values).any(0)
        names, codes = (tuple(np.array(each, dtype=object)[kept]) for each in (self.names, self.codes))
        return MonthlyTable(self.dates, names, codes, self.values[:, kept])

    @property
    def missing(self) -> dict[str, int]:
        """Missing values by series, the most first; those without are left out."""
        counts = np.isnan(self.values).sum(0)
        order = np.argsort(-counts, kind="stable")
        return {self.names[place]: int(counts[place]) for place in order if counts[place]}

    def frame(self) -> DataFrame:
        """As a data frame of pandas, with dates.

        Raises:
            MissingExtraError: If pandas is not there.
        """
        pandas: Any = require("pandas", "econometrics")
        index = pandas.DatetimeIndex(self.dates, name="sasdate")
        found: DataFrame = pandas.DataFrame(self.values, index=index, columns=list(self.names))
        return found


def read_fred_md(path: Path | str) -> MonthlyTable:
    """Read a file of FRED-MD as it is published.

    Args:
        path: A CSV file.

    Raises:
        DataError: If the file cannot be read, has another layout, an unknown code, a value that is no number, or dates
            that do not rise; it names the row and the series.
    """
    path = Path(path)
    rows = _rows(path)
    if len(rows) < 3 or not rows[1][1][0].strip().lower().startswith("transform"):
        raise DataError(f"{path}: expected {_LAYOUT}")
    names = tuple(name.strip() for name in rows[0][1][1:])
    if not names or len(set(names)) < len(names) or not all(names):
        raise DataError(f"{path}: row 1: expected a name of its own for every series")
    written = _fitting(path, rows[1], len(names))
    codes = tuple(_code(path, name, text) for name, text in zip(names, written, strict=True))
    months = rows[2:]
    values = np.array([_numbers(path, row, names) for row in months])
    dates = [_date(path, number, row[0]) for number, row in months]
    for (number, row), one, other in zip(months[1:], dates, dates[1:], strict=False):
        if other <= one:
            raise DataError(f"{path}: row {number}: {row[0]} is not later than the row before; sort the rows by date")
    return MonthlyTable(np.array(dates, dtype="datetime64[D]"), names, codes, values)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Rows that are not empty, with their numbers from 1."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path}: expected {_LAYOUT}, got a file of {path.stat().st_size / 1e6:.0f} MB")
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [(number, row) for number, row in enumerate(csv.reader(file), 1) if any(map(str.strip, row))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or one_line(str(error))
        raise DataError(f"{path}: {reason}; expected {_LAYOUT}") from error


def _fitting(path: Path, row: tuple[int, list[str]], count: int) -> list[str]:
    number, cells = row
    if len(cells) - 1 != count:
        raise DataError(f"{path}: row {number}: expected {count + 1} cells, got {len(cells)}")
    return cells[1:]


def _code(path: Path, name: str, text: str) -> int:
    try:
        code = int(float(text))
    except ValueError:
        code = 0
    if code not in CODES:
        raise DataError(f"{path}: row 2: series {name}: expected a code from 1 to 7, got {text.strip()!r}")
    return code


def _numbers(path: Path, row: tuple[int, list[str]], names: Sequence[str]) -> list[float]:
    found = []
    for name, text in zip(names, _fitting(path, row, len(names)), strict=True):
        try:
            found.append(float(text) if text.strip() else float("nan"))
        except ValueError:
            raise DataError(f"{path}: row {row[0]}: series {name}: expected a number, got {text.strip()!r}") from None
    return found


def _date(path: Path, number: int, text: str) -> datetime:
    for layout in _DATES:
        try:
            return datetime.strptime(text.strip(), layout)  # noqa: DTZ007 (a month has no time zone)
        except ValueError:
            continue
    raise DataError(f"{path}: row {number}: expected a date such as 1/1/1959, got {text.strip()!r}")
