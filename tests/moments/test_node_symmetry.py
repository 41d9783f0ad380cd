"""The symmetry of the nodes: given as a group, or found in the network and the law."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from haar.actions import Invariant, Points, Symmetry
from haar.actions.representation import Defining
from haar.errors import ArgumentError, NotEquivariantError
from haar.groups import SO, SymmetricGroup, permutation_group, symmetric
from haar.moments import Exchangeable, Gaussian, NodeOrbits, propagate, propagate_on_orbits
from haar.moments.automorphisms import automorphisms
from haar.moments.node_symmetry import node_orbits


def _graph(n, edges):
    matrix = np.zeros((n, n), dtype=np.int64)
    for i, j in edges:
        matrix[i, j] = matrix[j, i] = 1
    return matrix


def _order(labels):
    return permutation_group(torch.from_numpy(automorphisms(labels))).order


OUTER = [(i, (i + 1) % 5) for i in range(5)]
PETERSEN = _graph(10, [*OUTER, *((i, i + 5) for i in range(5)), *((i + 5, (i + 2) % 5 + 5) for i in range(5))])
CUBE = _graph(8, [(i, i ^ bit) for i in range(8) for bit in (1, 2, 4)])
FRUCHT = _graph(
    12,
    [(i, (i + 1) % 7) for i in range(7)]
    + [(0, 7), (1, 7), (2, 8), (3, 9), (4, 9), (5, 10), (6, 10), (7, 11), (8, 11), (8, 9), (10, 11)],
)

SHRIKHANDE = _graph(
    16,
    [
        (4 * i + j, 4 * ((i + a) % 4) + (j + b) % 4)
        for i in range(4)
        for j in range(4)
        for a, b in ((1, 0), (0, 1), (1, 1))
    ],
)


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (PETERSEN, 120),
        (CUBE, 48),
        (SHRIKHANDE, 192),
        (FRUCHT, 1),
        (np.eye(7, dtype=np.int64), 5040),
        (np.roll(np.eye(6, dtype=np.int64), 1, 1), 6),  # a directed ring turns and has no mirror
        (np.kron(np.eye(3, dtype=np.int64), _graph(3, [(0, 1), (1, 2), (0, 2)])), 6**3 * 6),  # three triangles
    ],
)
def test_known_automorphism_groups(labels, order):
    generators = automorphisms(labels)
    for p in generators:
        assert np.array_equal(labels[np.ix_(p, p)], labels)
    assert _order(labels) == order


@pytest.mark.parametrize("seed", range(12))
def test_small_coloured_graphs_against_enumeration(seed):
    source = np.random.default_rng(seed)
    labels = source.integers(0, 2, (5, 5))
    labels = labels if seed % 2 else np.minimum(labels, labels.T)
    labels[np.arange(5), np.arange(5)] = 0
    count = sum(np.array_equal(labels[np.ix_(p, p)], labels) for p in map(list, itertools.permutations(range(5))))
    assert _order(labels) == count


class Passing(nn.Module):
    def __init__(self, adjacency, features=2):
        super().__init__()
        torch.manual_seed(0)
        self.register_buffer("adjacency", torch.from_numpy(adjacency).float())
        self.own, self.near = nn.Linear(features, features), nn.Linear(features, features, bias=False)

    def forward(self, x):
        return x + torch.relu(self.own(x) + self.adjacency @ self.near(x))


@pytest.mark.parametrize(
    ("graph", "pairs", "nodes"),
    [
        (PETERSEN, 3, 1),
        (CUBE, 4, 1),
        (SHRIKHANDE, 4, 1),  # strongly regular, and yet not distance-transitive: refinement alone would say 3
        (FRUCHT, 144, 12),
        (_graph(4, [(0, 1), (1, 2), (2, 3)]), 8, 2),
        (_graph(5, [(i, j) for i in range(2) for j in range(2, 5)]), 6, 2),
        (3 * _graph(5, [(0, 1), (1, 2), (2, 0)]) + _graph(5, [(3, 4)]), 6, 2),  # two weights
        (np.roll(np.eye(5, dtype=np.int64), 1, 1), 5, 1),  # directed
    ],
)
def test_the_symmetry_is_found_in_the_network(graph, pairs, nodes):
    model, n = nn.Sequential(Passing(graph), Passing(graph)), len(graph)
    law = Gaussian(torch.full((2 * n,), 0.1), 0.5)
    found = propagate_on_orbits(model, law, features=2)
    assert (found.orbits.pair_count, found.orbits.node_count) == (pairs, nodes)
    dense = propagate(model, law, input_shape=(n, 2))
    assert (found.cov() - dense.cov).abs().max() < 1e-12
    assert (found.mean() - dense.mean).abs().max() < 1e-12
    same = propagate(model, law, input_shape=(n, 2), backend="orbit")
    assert torch.equal(same.cov, found.cov())


def test_a_law_and_a_readout_that_single_out_a_node_break_the_symmetry():
    level = torch.zeros(10, 2)
    level[0] = 1.0
    found = propagate_on_orbits(Passing(PETERSEN), Gaussian(level.reshape(-1)), features=2)
    assert found.orbits.node_count == 3  # the node, its neighbours, the rest

    class Weighted(nn.Module):
        def forward(self, x):
            return (x * torch.tensor([2.0, *[1.0] * 9])[:, None]).sum(1)

    model, law = nn.Sequential(Passing(PETERSEN), Weighted()), Gaussian(torch.zeros(20))
    dense = propagate(model, law, input_shape=(10, 2))
    orbit = propagate(model, law, input_shape=(10, 2), backend="orbit")
    assert (orbit.cov - dense.cov).abs().max() < 1e-12


def test_groups_representations_and_symmetries_are_taken():
    turn = [[1, 2, 3, 4, 0]]
    orbits = [
        node_orbits(permutation_group(turn)),
        node_orbits(NodeOrbits(turn)),
        node_orbits(Defining(permutation_group(turn))),
    ]
    assert [one.pair_count for one in orbits] == [5, 5, 5]
    group = symmetric(4)
    relabelled = Symmetry(group, inputs=Points(relabelling=Defining(group)), outputs=Invariant(group))
    for given in (SymmetricGroup(4), group, relabelled):
        law = Exchangeable(4, [0.0], [[1.0]], [[0.2]])
        assert propagate_on_orbits(nn.ReLU(), law, given, features=1).orbits.pair_count == 2
    with pytest.raises(NotEquivariantError, match="neither equivariant nor invariant"):
        propagate_on_orbits(Passing(_graph(4, [(0, 1)])), Gaussian(torch.zeros(8)), group, features=2)
    with pytest.raises(NotEquivariantError, match="the law's mean is not invariant"):
        propagate_on_orbits(nn.ReLU(), Gaussian(torch.arange(4.0)), group, features=1)


def test_refusals():
    with pytest.raises(ArgumentError, match=r"orbits: expected a group that permutes the nodes, got SO\(3\)"):
        node_orbits(SO(3))
    turns = SO(3)
    with pytest.raises(ArgumentError, match="orbits: expected a symmetry that relabels the nodes"):
        node_orbits(Symmetry(turns, inputs=Invariant(turns), outputs=Invariant(turns)))
    with pytest.raises(ArgumentError, match="orbits: expected at most 400 nodes where the symmetry is to be found"):
        automorphisms(np.zeros((401, 401), dtype=np.int64))
    with pytest.raises(ArgumentError, match="orbits: expected at most 4096 node features"):
        propagate_on_orbits(nn.ReLU(), Gaussian(torch.zeros(5000)), features=1)


def test_the_page_shows_correlations(tmp_path):
    found = propagate_on_orbits(Passing(PETERSEN), Gaussian(torch.zeros(20)), features=2)
    found.save_html(tmp_path / "page.html")
    assert "one column for each orbit of pairs" in (tmp_path / "page.html").read_text()
