"""Distances from parameter symmetry against averages over all permutations; clusters of units."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError, ShapeError
from haar.weights import breaking_distance, closest_pair, orbit_distance, pair_distances, unit_clusters


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


@pytest.mark.parametrize("count", [2, 5, 8, 9, 17])
def test_a_chain_of_any_length_is_one_cluster(count):
    assert unit_clusters(1 + 0.05 * torch.arange(count)[:, None].double()).item() == 1


def test_distances_in_plain_numbers():
    units = torch.tensor([[1.0, 0.0], [0.0, 2.0], [2.0, 1.0]])  # mean (1, 1); squares 1, 4, 5; away 1, 2, 1
    assert breaking_distance(units).item() == pytest.approx(4 / 10)
    pairs = pair_distances(units)
    assert pairs[0, 1].item() == pytest.approx(5**0.5 / 3)
    assert torch.equal(pairs, pairs.mT)
    assert pairs.diagonal().abs().max().item() == 0.0


@pytest.mark.parametrize(("tolerance", "clusters"), [(0.0499, 3), (0.0501, 2)])
def test_units_nearer_than_the_tolerance_are_one(tolerance, clusters):
    near = torch.tensor([[0.95], [1.05], [9.0]], dtype=torch.float64)  # 0.1 apart, of lengths that add up to 2
    assert unit_clusters(near, tolerance=tolerance).item() == clusters
    assert unit_clusters(torch.tensor([[1.0], [3.0]]), tolerance=0.5).item() == 2  # half apart are not nearer than half


def test_refusals():
    with pytest.raises(ShapeError, match=r"elements: expected \(order, 3, 3\), got \(1, 2, 2\)"):
        orbit_distance(torch.ones(3), torch.eye(2)[None])
    with pytest.raises(ArgumentError, match="units: expected at least two units, got 1"):
        closest_pair(torch.ones(1, 2))
    with pytest.raises(ArgumentError, match="tolerance: expected a number > 0"):
        unit_clusters(torch.ones(2, 2), tolerance=0.0)
