"""What an estimator is given: regressors, an outcome and instruments, with their names, checked to the last column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, DataError

#: A column whose part outside the others is smaller than this, relative to itself, is one of them.
_DEPENDENT = 1e-9
#: A column counts as part of a combination from this coefficient on (of columns scaled to length 1).
_PART = 1e-6


@dataclass(frozen=True)
class Columns:
    """A table of numbers.

    Attributes:
        values: The numbers, in double precision.
        names: Of the columns.
        named: Whether the names are the user's own.
    """

    values: Float[np.ndarray, "rows columns"]
    names: tuple[str, ...]
    named: bool = False

    def take(self, places: Sequence[int]) -> Columns:
        """Some of the columns."""
        return Columns(self.values[:, list(places)], tuple(self.names[place] for place in places), self.named)

    def rows(self, which: Any) -> Columns:
        """Some of the rows."""
        return Columns(self.values[which], self.names, self.named)

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Problem:
    """A structural equation and the data for it.

    Attributes:
        x: All regressors of the structural function.
        y: The outcome.
        z: The excluded instruments.
        exogenous: Places of those regressors that are their own instruments.
    """

    x: Columns
    y: Float[np.ndarray, " rows"]
    z: Columns
    exogenous: tuple[int, ...] = ()

    @property
    def endogenous(self) -> tuple[int, ...]:
        """Places of the other regressors."""
        return tuple(k for k in range(len(self.x.names)) if k not in self.exogenous)

    @property
    def instruments(self) -> Columns:
        """What the second player sees: exogenous regressors, then excluded instruments."""
        own = self.x.take(self.exogenous)
        return Columns(np.hstack([own.values, self.z.values]), own.names + self.z.names, self.z.named)

    def rows(self, which: Int[np.ndarray, " some"]) -> Problem:
        """The same of some rows."""
        return Problem(self.x.rows(which), self.y[which], self.z.rows(which), self.exogenous)


def columns(argument: str, given: Any) -> Columns:
    """A table as an estimator takes it: a data frame or a series, whose names are kept, an array or a tensor.

    Args:
        argument: Name of the argument as the caller wrote it.
        given: The table; one axis stands for one column.

    Raises:
        ArgumentError: If it is no table of real numbers.
        DataError: If a number is not finite; it names the column.
    """
    named = hasattr(given, "columns") or bool(getattr(given, "name", None) is not None and hasattr(given, "to_frame"))
    frame = given.to_frame() if hasattr(given, "to_frame") and not hasattr(given, "columns") else given
    raw = frame.detach().cpu().numpy() if isinstance(frame, Tensor) else np.asarray(frame)
    if raw.ndim == 1:
        raw = raw[:, None]
    if raw.ndim != 2 or not len(raw):
        raise ArgumentError(argument, expected="a table: rows and columns", got=f"shape {raw.shape}")
    names = tuple(map(str, frame.columns)) if named else tuple(f"{argument}{k}" for k in range(raw.shape[1]))
    _check_named_once(argument, names)
    try:
        values = raw.astype(np.float64) if not np.iscomplexobj(raw) else None
    except (TypeError, ValueError):
        values = None
    if values is None:
        raise ArgumentError(
            argument, expected="real numbers", got=f"{raw.dtype} values", way_out="code categories as 0 and 1"
        )
    _check_finite(argument, names, values)
    return Columns(values, names, named)


def _check_named_once(argument: str, names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ArgumentError(
            argument, expected="columns with a name each", got=f"{names.count(twice)} of name {twice!r}"
        )


def _check_finite(argument: str, names: Sequence[str], values: Float[np.ndarray, "rows columns"]) -> None:
    for name, column in zip(names, values.T, strict=True):
        if not np.isfinite(column).all():
            count = int((~np.isfinite(column)).sum())
            message = f"{argument}: column {name!r} has {count} values that are missing or not finite; drop those rows"
            raise DataError(message)


def problem(x: Any, y: Any, z: Any, exogenous: Sequence[str | int] = ()) -> Problem:
    """Regressors, outcome and excluded instruments, checked.

    Args:
        x: All regressors.
        y: The outcome.
        z: The excluded instruments.
        exogenous: Names or places of the regressors that are their own instruments.

    Raises:
        ArgumentError: If there are too few instruments, columns depend on each other, or the outcome is constant.
        DataError: If a number is not finite.
    """
    if z is None:
        way_out = "fit(X, y, Z): without one a structural function cannot be told from a regression"
        raise ArgumentError("Z", expected="at least one excluded instrument", got="none", way_out=way_out)
    table, outcome, excluded = columns("X", x), columns("y", y), columns("Z", z)
    if outcome.values.shape[1] != 1:
        way_out = "fit one estimator for each"
        raise ArgumentError("y", expected="one outcome", got=f"{outcome.values.shape[1]} columns", way_out=way_out)
    for name, other in (("y", outcome), ("Z", excluded)):
        if len(other) != len(table):
            raise ArgumentError(name, expected=f"{len(table)} rows as X has", got=len(other))
        _check_row_order(name, {"y": y, "Z": z}[name], x)
    if np.ptp(outcome.values) == 0:
        raise ArgumentError("y", expected="an outcome that varies", got=f"{outcome.values[0, 0]:g} in every row")
    made = Problem(table, outcome.values[:, 0], excluded, _places(table, exogenous))
    _check_order(made)
    least = max(len(table.names), len(made.instruments.names)) + 2
    if len(table) < least:
        raise ArgumentError("X", expected=f"at least {least} rows for these columns and a constant", got=len(table))
    check_independent("X", table)
    check_independent("Z", made.instruments)
    return made


def _check_row_order(name: str, given: Any, x: Any) -> None:
    """Refuse frames that have the labels of X in another order: rows are matched by place."""
    labels: Any = getattr(given, "index", None)
    wanted: Any = getattr(x, "index", None)
    if not all(hasattr(each, "equals") and hasattr(each, "sort_values") for each in (labels, wanted)):
        return
    if not labels.equals(wanted) and labels.sort_values().equals(wanted.sort_values()):
        raise ArgumentError(
            name, expected="rows in the order of X", got="the same labels in another order", way_out="reindex(X.index)"
        )


def _places(table: Columns, exogenous: Sequence[str | int]) -> tuple[int, ...]:
    if isinstance(exogenous, str):
        raise ArgumentError("exogenous", expected="a list of columns of X", got=repr(exogenous))
    found = []
    for one in exogenous:
        if isinstance(one, str) and one in table.names:
            found.append(table.names.index(one))
        elif isinstance(one, (int, np.integer)) and not isinstance(one, bool) and 0 <= one < len(table.names):
            found.append(int(one))
        else:
            raise ArgumentError("exogenous", expected=f"columns of X ({', '.join(table.names)})", got=repr(one))
    return tuple(sorted(set(found)))


def _check_order(made: Problem) -> None:
    """At least as many excluded instruments as endogenous regressors."""
    wanted = [made.x.names[k] for k in made.endogenous]
    if not wanted:
        way_out = "with none it is a regression"
        raise ArgumentError("exogenous", expected="at least one endogenous column of X", got="none", way_out=way_out)
    if len(made.z.names) < len(wanted):
        raise ArgumentError(
            "Z",
            expected=f"at least {len(wanted)} excluded instruments, for {', '.join(wanted)}",
            got=f"{len(made.z.names)} ({', '.join(made.z.names)})",
            way_out="name the regressors that are their own instruments in exogenous=",
        )


def check_independent(argument: str, table: Columns) -> None:
    """Refuse columns that, with a constant, depend on each other linearly.

    Raises:
        ArgumentError: Naming the first such column, and those that it is made of.
    """
    kept: list[int] = []
    centred = table.values - table.values.mean(0)
    scale = np.maximum(np.linalg.norm(table.values, axis=0), np.finfo(float).tiny)
    unit = centred / scale
    for place, name in enumerate(table.names):
        column = unit[:, place]
        if kept:
            weights = np.linalg.lstsq(unit[:, kept], column, rcond=None)[0]
            left = np.linalg.norm(column - unit[:, kept] @ weights)
        else:
            weights, left = np.zeros(0), np.linalg.norm(column)
        if float(left) <= _DEPENDENT * max(float(np.linalg.norm(column)), _DEPENDENT):
            of = [table.names[k] for k, w in zip(kept, weights, strict=True) if abs(w) > _PART]
            got = f"{name!r}, which is made of {', '.join(map(repr, of))}" if of else f"{name!r}, which is constant"
            way_out = "leave it out" if of else "leave it out: a constant is always there"
            raise ArgumentError(argument, expected="columns that do not depend on each other", got=got, way_out=way_out)
        kept.append(place)
