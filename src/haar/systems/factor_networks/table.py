"""Tables that estimators are given: names, dates, and one clear line for what does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from haar.errors import ArgumentError

#: How many columns a message names.
_NAMED = 5


def column_names(x: Any) -> list[str]:
    """Of a data frame; numbers from 0 for an array.

    Args:
        x: A table.
    """
    columns = getattr(x, "columns", None)
    return [str(name) for name in (range(np.shape(x)[1]) if columns is None else columns)]


def is_dated(x: Any) -> bool:
    """Whether the rows have dates.

    Args:
        x: A table.
    """
    index = getattr(x, "index", None)
    return type(index).__name__ in ("DatetimeIndex", "PeriodIndex")


def check_complete(x: Any, names: Sequence[str]) -> None:
    """Refuse missing values, counted and named.

    Args:
        x: A table, or anything else, which others refuse.
        names: Of its columns.

    Raises:
        ArgumentError: If a value is missing or infinite.
    """
    values = np.asarray(x)
    if values.ndim != 2 or values.dtype.kind not in "fc":
        return
    missing = (~np.isfinite(values)).sum(0)
    if not missing.any():
        return
    places = np.argsort(-missing, kind="stable")[: int((missing > 0).sum())]
    named = [f"{names[place]} {missing[place]}" for place in places[:_NAMED]]
    more = ", ..." if len(places) > _NAMED else ""
    few = "column" if len(places) == 1 else "columns"
    raise ArgumentError(
        "X",
        expected="no missing values",
        got=f"{missing.sum()} that are NaN or infinite, in {len(places)} {few} ({', '.join(named)}{more})",
        way_out="drop these rows or columns, or impute first",
    )


def check_varying(x: np.ndarray, names: Sequence[str]) -> None:
    """Refuse constant columns, by name.

    Args:
        x: A table.
        names: Of its columns.

    Raises:
        ArgumentError: If a column has one value only.
    """
    constant = [name for name, column in zip(names, x.T, strict=True) if (column == column[0]).all()]
    if constant:
        more = ", ..." if len(constant) > _NAMED else ""
        got = f"{len(constant)} with one value only ({', '.join(constant[:_NAMED])}{more})"
        raise ArgumentError("X", expected="columns that vary", got=got, way_out="drop them")


def check_dates(x: Any) -> None:
    """Refuse dates that do not rise from row to row.

    Args:
        x: A table.

    Raises:
        ArgumentError: If they do not; it names the first row that is earlier than the one before.
    """
    if not is_dated(x) or x.index.is_monotonic_increasing:
        return
    order = x.index.asi8
    place = int(np.argmax(np.diff(order) < 0)) + 1
    got = f"{x.index[place]} in row {place}, after {x.index[place - 1]}"
    raise ArgumentError("X", expected="dates that rise from row to row", got=got, way_out="X.sort_index()")


def validation_rows(rows: int, share: float, *, dated: bool, generator: np.random.RandomState) -> tuple[Any, Any]:
    """Which rows are trained on and which are kept to choose the epoch: the last ones in time, else drawn.

    Args:
        rows: How many there are.
        share: Of the rows that are kept.
        dated: Whether rows are in the order of time.
        generator: Source of the draw.

    Returns:
        Two arrays of row numbers; the second is empty where the share is less than a row.

    Example:
        >>> train, kept = validation_rows(10, 0.2, dated=True, generator=np.random.RandomState(0))
        >>> kept.tolist()
        [8, 9]
    """
    count = int(rows * share)
    order = np.arange(rows) if dated else generator.permutation(rows)
    return np.sort(order[: rows - count]), np.sort(order[rows - count :])
