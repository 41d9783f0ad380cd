"""The static bias: parameters are shifted and nothing else, and equal units are told apart in one step."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.weights import ParameterAction, StaticBias, Units, asymmetry

ROWS = {"0.weight": ("h", None), "0.bias": ("h",), "2.weight": (None, "h*"), "2.bias": (None,)}
X = torch.randn(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def _equal_units():
    """A perceptron whose units are one another's copies."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        model[0].weight.copy_(model[0].weight[:1].expand(4, 3))
        model[0].bias.copy_(model[0].bias[:1].expand(4))
        model[2].weight.copy_(model[2].weight[:, :1].expand(2, 4))
    return model


def _steps(model, count):
    for _ in range(count):
        model.zero_grad()
        loss = (model(X) - X[:, :2]).square().mean()
        for p, g in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True):
            p.data -= 0.1 * g


def test_gradients_keep_symmetric_parameters_symmetric_and_a_static_bias_does_not():
    action = ParameterAction({"h": Units(4)}, ROWS)
    plain, biased = _equal_units(), StaticBias(_equal_units(), scale=0.01)
    assert asymmetry(action, plain.state_dict()) == 0.0
    _steps(plain, 20)
    assert asymmetry(action, plain.state_dict()) < 1e-30
    before = copy.deepcopy(biased.model.state_dict())
    assert asymmetry(action, before) == 0.0
    _steps(biased, 1)
    assert asymmetry(action, biased.model.state_dict()) > 1e-9


def test_folding_back_is_exact():
    biased = StaticBias(_equal_units(), scale=0.1, seed=3)
    torch.testing.assert_close(biased.shifted()(X), biased(X), rtol=0, atol=1e-14)


def test_a_scale_of_nothing_is_refused():
    with pytest.raises(ArgumentError, match="scale: expected a number > 0, got 0"):
        StaticBias(nn.Linear(1, 1), scale=0)
