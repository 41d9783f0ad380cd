"""Weights of points: their recursion by hand, their cap, their state."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError, ShapeError
from haar.nn import ResidualAttention

F64 = torch.float64
ALL = torch.arange(3)


def made(**options):
    return ResidualAttention(3, **{"eta": 0.1, "gamma": 0.9} | options).double()


def test_one_step_by_hand():
    weights = made()
    residual = torch.tensor([2.0, -1.0, 0.0], dtype=F64)
    loss = weights(residual, ALL)
    assert weights.weights.tolist() == pytest.approx([0.19, 0.14, 0.09])
    assert loss.item() == pytest.approx((0.19 * 4 + 0.14 * 1) / 3)
    weights(residual[:2], torch.tensor([2, 0]))  # points 2 and 0: sizes 1 and 1/2 of the largest
    assert weights.weights.tolist() == pytest.approx([0.9 * 0.19 + 0.05, 0.14, 0.9 * 0.09 + 0.1])


@given(st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=1, max_size=30))
def test_no_weight_is_above_the_cap(residuals):
    weights = made(gamma=0.5)
    for residual in residuals:
        weights(torch.tensor(residual, dtype=F64), ALL)
        assert bool((weights.weights <= 0.2 + 1e-12).all())


def test_only_a_point_that_is_always_the_worst_reaches_the_cap():
    weights = made(gamma=0.5)
    for step in range(100):
        weights(torch.tensor([2.0, 1.0, 2.0 * (step % 2)], dtype=F64), ALL)
    assert weights.weights[0].item() == pytest.approx(0.2, abs=1e-12)
    assert weights.weights[1:].max() < 0.19


def test_equal_residuals_have_equal_weights_and_vanishing_ones_divide_nothing():
    weights = made()
    weights(torch.full((3,), -4.0, dtype=F64), ALL)
    assert weights.weights.tolist() == pytest.approx([0.19] * 3)
    assert weights(torch.zeros(3, dtype=F64), ALL).item() == 0
    assert weights.weights.tolist() == pytest.approx([0.171] * 3)


def test_of_several_components_the_norm_counts():
    one, other = made(), made()
    other_loss = other(torch.tensor([5.0, 1.0, 0.0], dtype=F64), ALL)
    loss = one(torch.tensor([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]], dtype=F64), ALL)
    assert loss.item() == pytest.approx(other_loss.item())
    torch.testing.assert_close(one.weights, other.weights)


def test_no_gradient_flows_through_weights():
    residual = torch.tensor([2.0, 1.0, 0.5], dtype=F64, requires_grad=True)
    weights = made()
    weights(residual, ALL).backward()
    torch.testing.assert_close(residual.grad, 2 * weights.weights * residual.detach() / 3)


def test_the_cap_is_raised_in_equal_steps():
    weights = ResidualAttention(3, eta=0.1, cap=(1, 3), every=2, raises=2)
    caps = []
    for _ in range(7):
        caps.append(weights.eta / (1 - weights.gamma))
        weights(torch.ones(3), ALL)
    assert caps == pytest.approx([1, 1, 2, 2, 3, 3, 3])


def test_weights_rest_in_eval_mode_and_are_saved():
    weights = made().eval()
    weights(torch.ones(3, dtype=F64), ALL)
    assert weights.weights.tolist() == pytest.approx([0.1] * 3)
    weights.train()(torch.ones(3, dtype=F64), ALL)
    other = made()
    other.load_state_dict(weights.state_dict())
    torch.testing.assert_close(other.weights, weights.weights)
    assert other.calls == 1


def test_wrong_numbers_are_refused():
    for options, match in (
        ({"gamma": 1.0}, "gamma: expected a number from 0, below 1, got 1.0"),
        ({"eta": 0}, "eta: expected a number above 0, got 0"),
        ({"cap": (3, 1)}, "cap: expected two numbers from eta = 0.1 on, the smaller first"),
        ({"cap": (0.05, 1)}, "cap: expected two numbers from eta"),
        ({"every": 0}, "every: expected at least 1"),
        ({"raises": 0}, "raises: expected at least 1"),
    ):
        with pytest.raises(ArgumentError, match=match):
            made(**options)
    with pytest.raises(ArgumentError, match="points: expected at least 1"):
        ResidualAttention(0)
    with pytest.raises(ShapeError, match="residual: expected 3 rows, as index has"):
        made()(torch.ones(2, dtype=F64), ALL)
