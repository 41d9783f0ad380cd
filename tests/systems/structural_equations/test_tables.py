"""What estimators are given: names are kept, and each wrong table is refused in one line that names the column."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from haar.errors import ArgumentError, DataError
from haar.systems.structural_equations.tables import check_independent, columns, problem


def _data(rows=30):
    generator = np.random.default_rng(0)
    x, z = generator.normal(size=(rows, 2)), generator.normal(size=(rows, 2))
    return x, x.sum(1) + generator.normal(size=rows), z


def test_names_of_data_frames_and_series_are_kept():
    frame = pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0]})
    assert columns("X", frame).names == ("a", "b")
    assert columns("X", frame).named
    assert columns("X", frame["b"]).names == ("b",)
    assert np.array_equal(columns("X", frame["b"]).rows(slice(2)).values, [[3.0], [4.0]])


def test_arrays_tensors_and_lists_have_numbered_names():
    for given in (np.ones((2, 2)), torch.ones(2, 2), [[1, 1], [1, 1]]):
        table = columns("Z", given)
        assert (table.names, table.named, table.values.dtype) == (("Z0", "Z1"), False, np.float64)  # noqa: PD011
    assert columns("y", [1, 2]).values.shape == (2, 1)  # noqa: PD011


def test_instruments_are_what_is_exogenous_and_what_was_excluded():
    x, y, z = _data()
    made = problem(x, y, z, [1])
    assert made.endogenous == (0,)
    assert made.instruments.names == ("X1", "Z0", "Z1")
    assert np.array_equal(made.instruments.values, np.column_stack([x[:, 1], z]))
    named = problem(pd.DataFrame(x, columns=["a", "b"]), y, z, ["b"])
    assert named.exogenous == made.exogenous
    some = made.rows(np.array([3, 5]))
    assert np.array_equal(some.instruments.values, made.instruments.values[[3, 5]])  # noqa: PD011


def _spoilt(change):
    x, y, z = _data()
    given = {"x": x, "y": y, "z": z, "exogenous": ()}
    given |= change(SimpleNamespace(x=x, y=y, z=z))
    return lambda: problem(given["x"], given["y"], given["z"], given["exogenous"])


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: {"z": None}, "Z: expected at least one excluded instrument, got none"),
        (
            lambda g: {"z": g.z[:, :1]},
            r"Z: expected at least 2 excluded instruments, for X0, X1, got 1 \(Z0\); name the regressors",
        ),
        (lambda g: {"z": g.z[:5]}, "Z: expected 30 rows as X has, got 5"),
        (lambda g: {"y": g.y[:5]}, "y: expected 30 rows as X has, got 5"),
        (lambda g: {"y": 0 * g.y + 2}, "y: expected an outcome that varies, got 2 in every row"),
        (lambda g: {"y": np.stack([g.y, g.y], 1)}, "y: expected one outcome, got 2 columns"),
        (lambda _: {"exogenous": ["a"]}, r"exogenous: expected columns of X \(X0, X1\), got 'a'"),
        (lambda _: {"exogenous": [2]}, r"exogenous: expected columns of X \(X0, X1\), got 2"),
        (lambda _: {"exogenous": [False, True]}, r"exogenous: expected columns of X \(X0, X1\), got False"),
        (lambda _: {"exogenous": [0.5]}, r"exogenous: expected columns of X \(X0, X1\), got 0.5"),
        (
            lambda g: {"x": pd.DataFrame(g.x), "y": pd.Series(g.y).sample(frac=1, random_state=0)},
            r"y: expected rows in the order of X, got the same labels in another order; reindex\(X.index\)",
        ),
        (
            lambda g: {"x": pd.DataFrame(g.x, columns=["a", "a"])},
            "X: expected columns with a name each, got 2 of name 'a'",
        ),
        (
            lambda g: {"x": g.x[:3], "y": g.y[:3], "z": g.z[:3]},
            "X: expected at least 4 rows for these columns and a constant, got 3",
        ),
        (lambda _: {"exogenous": "X0"}, "exogenous: expected a list of columns of X, got 'X0'"),
        (lambda _: {"exogenous": [0, 1]}, "exogenous: expected at least one endogenous column of X, got none"),
        (lambda _: {"x": np.zeros((2, 2, 2))}, r"X: expected a table: rows and columns, got shape \(2, 2, 2\)"),
        (lambda _: {"x": [["a", "b"]] * 30}, "X: expected real numbers, got <U1 values; code categories"),
        (lambda g: {"x": g.x + 1j}, "X: expected real numbers, got complex128 values"),
        (
            lambda g: {"z": np.column_stack([g.z[:, 0], 0 * g.y + 3])},
            "Z: expected columns that do not depend on each other, got 'Z1', which is constant; leave it out: a const",
        ),
        (
            lambda g: {"x": np.column_stack([g.x[:, 0], 2 * g.x[:, 0] + 1])},
            "X: expected columns that do not depend on each other, got 'X1', which is made of 'X0'; leave it out",
        ),
        (
            lambda g: {"z": np.column_stack([g.z, g.z[:, 0] - g.z[:, 1]])},
            "Z: expected columns that do not depend on each other, got 'Z2', which is made of 'Z0', 'Z1'",
        ),
        (
            lambda g: {"z": np.column_stack([g.x[:, 1], g.z]), "exogenous": [1]},
            "Z: expected columns that do not depend on each other, got 'Z0', which is made of 'X1'",
        ),
    ],
)
def test_wrong_tables_are_refused(change, message):
    with pytest.raises(ArgumentError, match=message):
        _spoilt(change)()


def test_rows_are_matched_by_place_where_labels_say_nothing_else():
    x, y, z = _data()
    shuffled = pd.Series(y).sample(frac=1, random_state=0)
    frame = pd.DataFrame(x, index=shuffled.index)
    for outcome in (y, shuffled, shuffled.reset_index(drop=True).rename(lambda k: k + 30)):
        assert np.array_equal(problem(frame, outcome, z).y, np.asarray(outcome))


def test_missing_values_are_refused_by_column():
    x, y, z = _data()
    x[[3, 5], 1] = np.nan
    with pytest.raises(DataError, match="X: column 'X1' has 2 values that are missing or not finite; drop those rows"):
        problem(x, y, z)


def test_nearly_dependent_columns_are_none():
    x, _, _ = _data()
    check_independent("X", columns("X", np.column_stack([x[:, 0], x[:, 0] + 1e-6 * x[:, 1]])))
