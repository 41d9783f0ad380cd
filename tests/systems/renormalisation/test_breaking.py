"""The units of a network, and the static bias."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.systems.renormalisation import BreakingLog, StaticBias, hidden_units
from haar.weights import breaking_distance


def test_units_of_a_plain_module():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5, bias=False), nn.ReLU(), nn.Linear(5, 2))
    first, second = hidden_units(model), hidden_units(model, 1)
    assert first.shape == (1, 4, 3 + 1 + 5)
    assert second.shape == (1, 5, 4 + 2)
    assert torch.equal(first[0, 1, :3], model[0].weight[1])
    assert torch.equal(first[0, 1, 4:], model[2].weight[:, 1])
    assert not first.requires_grad


def test_a_static_bias_shifts_the_parameters_and_nothing_else(generator):
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    before = copy.deepcopy(model.state_dict())
    wrapped = StaticBias(model, scale=0.3, seed=1)
    x = torch.randn(5, 3, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(wrapped(x), wrapped.shifted()(x), rtol=1e-14, atol=1e-14)
    assert not torch.allclose(wrapped(x), model(x))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert wrapped.decay(2.0).detach().item() == pytest.approx(
        sum(p.detach().square().sum().item() for p in model.parameters())
    )
    assert len(list(wrapped.parameters())) == len(list(model.parameters()))
    twin = StaticBias(model, scale=0.1, seed=9, weighted=True)
    twin.load_state_dict(wrapped.state_dict())
    assert torch.equal(twin(x), wrapped(x))


def test_the_origin_of_a_biased_network_is_not_symmetric():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        for value in model.parameters():
            value.zero_()
    plain, biased = hidden_units(model), hidden_units(StaticBias(model).shifted())
    assert breaking_distance(plain).item() == 0.0
    assert breaking_distance(biased).item() > 0.1
    weighted = StaticBias(nn.Linear(2, 2), weighted=True)
    assert weighted.get_buffer("weight_0").unique().numel() == 4
    assert float(weighted.get_buffer("weight_0").min()) >= 0.5


def test_refusals():
    with pytest.raises(ArgumentError, match="layer: expected a hidden layer, 0 to 0, got 1"):
        hidden_units(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), 1)
    with pytest.raises(ArgumentError, match="model: expected linear layers that follow one another"):
        hidden_units(nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 1)))
    with pytest.raises(ArgumentError, match="every: expected at least 1, got 0"):
        BreakingLog(every=0)
    with pytest.raises(ArgumentError, match=r"scale: expected a number > 0, got 0\.0"):
        StaticBias(nn.Linear(1, 1), scale=0.0)
