"""Steps of the second player: on the bilinear game each order does what theory says, and cones are kept."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError
from haar.saddle import ORDERS, ascend, check_order, feasible, second_sees


@pytest.mark.parametrize("order", ORDERS)
def test_on_a_bilinear_game_simultaneous_steps_spiral_out_and_alternating_ones_circle(order):
    x, y, rate = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64), 0.1
    sizes = []
    for _ in range(1000):
        before, x = x, x - rate * y
        y = ascend(y, second_sees(order, before, lambda x=x: x), rate, equality=True)
        sizes.append(float((x.square() + y.square()).sqrt()))
    if order == "simultaneous":
        assert sizes[-1] == pytest.approx((1 + rate**2) ** 500, rel=1e-9)
    else:
        assert 0.9 < min(sizes) < max(sizes) < 1.1


def test_what_comes_after_is_computed_only_where_it_is_seen():
    def after():
        raise AssertionError

    assert second_sees("simultaneous", torch.ones(1), after).item() == 1


def test_multipliers_of_inequalities_are_never_negative():
    given = torch.tensor([-1.0, 2.0])
    assert feasible(given, equality=False).tolist() == [0.0, 2.0]
    assert feasible(given, equality=True).tolist() == [-1.0, 2.0]
    assert ascend(given, torch.tensor([4.0, -4.0]), 0.25, equality=False).tolist() == [0.0, 1.0]
    assert ascend(given, torch.tensor([0.5, -9.0]), 1.0, equality=False).tolist() == [0.0, 0.0]


def test_unknown_orders_are_refused():
    with pytest.raises(ArgumentError, match="order: expected 'simultaneous' or 'alternating', got 'both'"):
        check_order("both")
