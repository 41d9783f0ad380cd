"""The demand design: its equations by hand, its law, and that a regression leans and instruments do not."""

from __future__ import annotations

import numpy as np
import pytest

from haar.errors import ArgumentError
from haar.systems.structural_equations import demand
from haar.systems.structural_equations.demand import sales, season


def test_seasons_and_sales_are_those_of_the_paper():
    assert season(np.array([5.0]))[0] == pytest.approx(2 * (0 + 1 + 0.5 - 2))
    assert season(np.array([0.0]))[0] == pytest.approx(2 * (625 / 600 + np.exp(-100) + 0 - 2))
    psi = 2 * (16 / 600 + np.exp(-16) + 0.7 - 2)
    found = sales(np.array([20.0]), np.array([7.0]), np.array([3.0]))[0]
    assert found == pytest.approx(100 + 30 * 3 * psi - 40)


def test_the_grid_has_all_prices_times_and_kinds_and_the_truth_without_error():
    made = demand(5)
    assert made.at.shape == (20 * 20 * 7, 3)
    assert len(np.unique(made.at, axis=0)) == 2800
    assert [(column.min(), column.max()) for column in made.at.T] == [(10, 25), (0, 10), (1, 7)]
    assert made.truth == pytest.approx(sales(*made.at.T))


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.9])
def test_errors_of_price_and_sales_are_correlated_as_is_said_and_cost_knows_of_neither(correlation):
    made = demand(40_000, correlation=correlation, seed=3)
    price, time, kind = made.x.T
    v = price - 25 - (made.z[:, 0] + 3) * season(time)
    e = made.y - sales(price, time, kind)
    table = np.corrcoef([v, e, made.z[:, 0]])
    assert [v.std(), e.std(), made.z.std()] == pytest.approx([1, 1, 1], abs=0.02)
    assert table[np.triu_indices(3, 1)] == pytest.approx([correlation, 0, 0], abs=0.02)
    assert set(kind) == set(range(1, 8))


def test_equal_seeds_give_equal_rows():
    one, same, other = demand(9, seed=1), demand(9, seed=1), demand(9, seed=2)
    assert np.array_equal(one.x, same.x)
    assert np.array_equal(one.y, same.y)
    assert not np.array_equal(one.x, other.x)


def test_at_the_right_features_instruments_take_off_the_bias_of_a_regression():
    """Sales are linear in the price at a given season and kind: the interaction is the only endogenous regressor."""
    made = demand(20_000, correlation=0.9, seed=0)
    price, time, kind = made.x.T
    known = np.column_stack([kind * season(time), np.ones(len(price)), season(time)])
    x = np.column_stack([price * kind * season(time), price, known])
    z = np.column_stack([made.z * (kind * season(time) * season(time))[:, None], made.z * season(time)[:, None], known])
    least = np.linalg.lstsq(x, made.y, rcond=None)[0]
    stage = z @ np.linalg.lstsq(z, x, rcond=None)[0]
    instrumented = np.linalg.lstsq(stage, made.y, rcond=None)[0]
    assert instrumented[1] == pytest.approx(-2, abs=0.05)
    assert abs(least[1] + 2) > 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 0}, "rows: expected at least 1"),
        ({"rows": 5, "correlation": 1.1}, r"correlation: expected within \[-1, 1\], got 1.1"),
        ({"rows": 5, "correlation": float("nan")}, "correlation: expected within"),
    ],
)
def test_what_is_no_design_is_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        demand(**arguments)
