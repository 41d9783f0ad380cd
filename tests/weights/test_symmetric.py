"""The Reynolds operator of a table against averages over the whole group, and the distances that follow from it."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.weights import (
    Experts,
    Gauge,
    Heads,
    ParameterAction,
    Rotation,
    Units,
    asymmetry,
    breaking_distance,
    projected,
)

ROWS = {"w": ("h", None), "b": ("h",), "v": (None, "h*")}


def _state():
    shapes = {"w": (4, 3), "b": (4,), "v": (2, 4)}
    source = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, dtype=torch.float64, generator=source) for name, shape in shapes.items()}


def _average(action, state, elements):
    moved = [action.act(Gauge(element), state) for element in elements]
    return {name: torch.stack([one[name] for one in moved]).mean(0) for name in state}


def test_of_units_it_is_the_average_over_all_orders():
    action, state = ParameterAction({"h": Units(4)}, ROWS), _state()
    every = [{"h": Units(4).element(torch.tensor(order))} for order in itertools.permutations(range(4))]
    expected = _average(action, state, every)
    found = projected(action, state)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-12)
    again = projected(action, found)
    assert all(torch.allclose(again[name], found[name]) for name in found)
    assert asymmetry(action, found) < 1e-28


def test_of_units_with_signs_nothing_is_left():
    action = ParameterAction({"h": Units(4, "signs")}, ROWS)
    assert all(float(value.abs().max()) < 1e-15 for value in projected(action, _state()).values())
    assert asymmetry(action, _state()) == 1.0


def test_the_breaking_distance_of_a_layer_is_a_special_case():
    action, state = ParameterAction({"h": Units(4)}, ROWS), _state()
    units = torch.cat([state["w"], state["b"][:, None], state["v"].T], 1)
    assert asymmetry(action, state) == pytest.approx(float(breaking_distance(units)), abs=1e-14)


def test_matrices_within_a_layer_are_averaged_over_both_axes_together():
    action = ParameterAction({"h": Units(3)}, {"w": ("h", "h*")})
    state = {"w": torch.randn(3, 3, dtype=torch.float64)}
    every = [{"h": Units(3).element(torch.tensor(order))} for order in itertools.permutations(range(3))]
    torch.testing.assert_close(projected(action, state)["w"], _average(action, state, every)["w"])


def test_experts_and_their_units_are_averaged_together():
    site = Experts(2, 3)
    action = ParameterAction({"e": site}, {"w": ("e", "e.units", None), "g": ("e",)})
    state = {"w": torch.randn(2, 3, 2, dtype=torch.float64), "g": torch.randn(2, dtype=torch.float64)}
    inner = list(itertools.permutations(range(3)))
    every = [
        {"e": site.element(torch.tensor(order), torch.tensor(both))}
        for order in ((0, 1), (1, 0))
        for both in itertools.product(inner, repeat=2)
    ]
    expected = _average(action, state, every)
    for name, value in projected(action, state).items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-12)


def test_a_rotation_that_fixes_ones_leaves_the_mean():
    action = ParameterAction({"r": Rotation(3, fixes_ones=True)}, {"w": ("r",)})
    found = projected(action, {"w": torch.tensor([1.0, 2.0, 6.0])})
    torch.testing.assert_close(found["w"], torch.tensor([3.0, 3.0, 3.0]))


def test_sites_may_be_chosen():
    action = ParameterAction({"h": Units(4), "k": Units(2)}, {"w": ("h", "k")})
    state = {"w": torch.randn(4, 2, dtype=torch.float64)}
    torch.testing.assert_close(
        projected(action, state, sites=["k"])["w"], state["w"].mean(1, keepdim=True).expand(4, 2)
    )
    with pytest.raises(ArgumentError, match=r"sites: expected names among h, k, got 'j'"):
        asymmetry(action, state, sites=["j"])


def test_squares_of_other_representations_are_refused():
    action = ParameterAction({"h": Heads(1, 2)}, {"w": ("h.q", "h.k")})
    with pytest.raises(ArgumentError, match=r"action: expected sites on one axis of each tensor"):
        projected(action, {"w": torch.ones(2, 2)})


def test_training_does_not_leave_a_symmetric_state():
    """Gradient descent without noise keeps equal units equal: the distance stays what it was, 0."""
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    rows = {"0.weight": ("h", None), "0.bias": ("h",), "2.weight": (None, "h*"), "2.bias": (None,)}
    action = ParameterAction({"h": Units(4)}, rows)
    model.load_state_dict(projected(action, model.state_dict()))
    x = torch.randn(20, 2, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(50):
        optimizer.zero_grad()
        (model(x) - x.prod(1, keepdim=True)).square().mean().backward()
        optimizer.step()
    assert asymmetry(action, model.state_dict()) < 1e-25
