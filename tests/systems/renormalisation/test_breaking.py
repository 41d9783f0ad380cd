"""Distances from parameter symmetry, clusters of units, and the static bias."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from haar.errors import ArgumentError, ShapeError
from haar.systems.renormalisation import BreakingLog, StaticBias, breaking_distance, hidden_units, unit_clusters
from haar.systems.renormalisation.breaking import closest_pair, orbit_distance, pair_distances


@given(st.integers(0, 2**31), st.integers(2, 4), st.integers(1, 3))
def test_the_distance_is_that_from_the_average_over_all_permutations(seed, units, features):
    source = torch.Generator().manual_seed(seed)
    u = torch.randn(units, features, dtype=torch.float64, generator=source)
    every = torch.cartesian_prod(*[torch.arange(units)] * units)
    permutations = torch.stack([row for row in every if len(set(row.tolist())) == units])
    eye = torch.eye(units * features, dtype=torch.float64).reshape(units, features, -1)
    matrices = torch.stack([eye[order].reshape(units * features, -1) for order in permutations])
    reference = orbit_distance(u.flatten(), matrices)
    torch.testing.assert_close(breaking_distance(u), reference, rtol=1e-10, atol=1e-12)
    assert 0.0 <= float(breaking_distance(u)) <= 1.0 + 1e-12
    torch.testing.assert_close(breaking_distance(-7.0 * u[permutations[-1]]), reference, rtol=1e-10, atol=1e-12)


def test_vanishing_units_are_symmetric():
    assert breaking_distance(torch.zeros(3, 2)).item() == 0.0
    assert orbit_distance(torch.zeros(2), torch.eye(2)[None]).item() == 0.0
    assert pair_distances(torch.zeros(2, 2)).abs().max().item() == 0.0


def test_clusters_join_along_chains():
    line = torch.tensor([[1.00], [1.05], [1.10], [5.0], [5.1], [-9.0]], dtype=torch.float64)
    assert unit_clusters(line).item() == 3
    assert unit_clusters(line, tolerance=1e-6).item() == 6
    assert unit_clusters(line, tolerance=2.0).item() == 1
    both = torch.stack([line, torch.ones_like(line)])
    assert unit_clusters(both).tolist() == [3, 1]
    assert closest_pair(both).tolist() == [pytest.approx(0.1 / 10.1), 0.0]


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
    with pytest.raises(ShapeError, match=r"elements: expected \(order, 3, 3\), got \(1, 2, 2\)"):
        orbit_distance(torch.ones(3), torch.eye(2)[None])
    with pytest.raises(ArgumentError, match="units: expected at least two units, got 1"):
        closest_pair(torch.ones(1, 2))
    with pytest.raises(ArgumentError, match="tolerance: expected a number > 0"):
        unit_clusters(torch.ones(2, 2), tolerance=0.0)
    with pytest.raises(ArgumentError, match="every: expected at least 1, got 0"):
        BreakingLog(every=0)
    with pytest.raises(ArgumentError, match=r"scale: expected a number > 0, got 0\.0"):
        StaticBias(nn.Linear(1, 1), scale=0.0)
