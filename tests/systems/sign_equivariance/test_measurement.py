"""The parts of the experiments that can be checked against something independent."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from haar.data.graphs import cluster_graphs, pattern_graphs, two_copies
from haar.errors import ArgumentError
from haar.systems.sign_equivariance.communities import (
    batches,
    degree_threshold,
    many_neighbours,
    nearest_named,
    recall,
    recalls,
)
from haar.systems.sign_equivariance.community_networks import CommunityNetwork, GraphNorm
from haar.systems.sign_equivariance.link_networks import LinkInput, LinkNetwork
from haar.systems.sign_equivariance.link_prediction import same_copy_ceiling
from haar.systems.sign_equivariance.pair_sampling import non_edges, random_pairs, split_edges
from haar.systems.sign_equivariance.particle_networks import LABELS, Mover
from haar.systems.sign_equivariance.ranking import area_under_curve, paired_accuracy
from haar.systems.sign_equivariance.training import Training, best_rate, descend
from haar.training import Plan


def test_the_area_under_the_curve_is_that_of_all_pairs():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randint(6, (50,), generator=generator).double() for _ in range(2))
    wins = (a[:, None] > b).double() + 0.5 * (a[:, None] == b).double()
    assert area_under_curve(a, b) == pytest.approx(float(wins.mean()), abs=1e-12)
    assert paired_accuracy(a, a) == (0.5, 0.0)


def test_splits_share_no_edge_and_negatives_are_none():
    graph = two_copies(30, probability=0.3, added=10, seed=0)
    generator = torch.Generator().manual_seed(0)
    split = split_edges(graph.edges, graph.nodes, generator)
    parts = [split.train, split.validation[0], split.test[0]]
    as_sets = [set(map(tuple, part.T.tolist())) for part in parts]
    assert sum(map(len, as_sets)) == len(set.union(*as_sets)) == graph.edges.shape[1]
    every = set.union(*as_sets)
    for pairs in (split.validation[1], split.test[1], non_edges(graph.edges, 60, 500, generator)):
        assert not {tuple(sorted(pair)) for pair in pairs.T.tolist()} & every
        assert bool((pairs[0] != pairs[1]).all())
    pairs = random_pairs(60, 200, generator, graphs=3)
    assert bool((pairs[0] // 20 == pairs[1] // 20).all())


def test_the_closed_form_is_the_area_of_the_oracle_over_all_pairs():
    graph = two_copies(40, probability=0.2, added=30, seed=1)
    joined = torch.zeros(80, 80, dtype=torch.bool)
    joined[graph.edges[0], graph.edges[1]] = True
    rows, columns = torch.triu_indices(80, 80, 1)
    same = (graph.copy[rows] == graph.copy[columns]).double()
    edge = joined[rows, columns]
    assert same_copy_ceiling(graph) == pytest.approx(area_under_curve(same[edge], same[~edge]), abs=1e-12)


def test_networks_of_links_have_like_sizes():
    sizes = {
        kind: sum(p.numel() for p in LinkNetwork(kind, 16).parameters())
        for kind in ("gcn", "signnet", "mlp", "sign_eq")
    }
    assert sizes == {"gcn": 25_024, "signnet": 26_056, "mlp": 24_717, "sign_eq": 24_544}
    with pytest.raises(ArgumentError, match="kind: expected one of gcn"):
        LinkNetwork("cnn", 4)


@pytest.mark.parametrize("kind", [kind for kind in LABELS if kind not in ("none", "none_long", "augmented", "naive")])
def test_movers_turn_with_the_cloud_and_shift_with_it(kind):
    mover = Mover(kind, 3).double().eval()
    generator = torch.Generator().manual_seed(3)
    x, v = (torch.randn(4, 5, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    q = torch.ones(4, 5, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q
    with torch.no_grad():
        y, moved = mover(x, v, q), mover(x @ turn + 1, v @ turn, q)
    assert float((moved - y @ turn - 1).abs().max()) <= 1e-10
    with pytest.raises(ArgumentError, match="kind"):
        Mover("other", 3)


def test_recall_weighs_communities_alike_and_does_not_see_padding():
    parts = batches(cluster_graphs(3, least=3, most=6, seed=0), 4, 2)
    assert recall(parts, lambda batch: nn.functional.one_hot(batch.labels.clamp(min=0), 6), 6) == 1.0
    always = torch.tensor([1.0, 0, 0, 0, 0, 0])
    assert recall(parts, lambda batch: always.expand(*batch.labels.shape, 6), 6) == pytest.approx(1 / 6)
    assert recall(parts, nearest_named, 6) > 1 / 6


def test_the_parts_of_graphs_are_those_of_the_recall_over_all_nodes():
    parts = batches(cluster_graphs(5, least=3, most=9, seed=1), 4, 2)
    shares = []
    for number in range(6):
        told = torch.cat([nearest_named(batch).argmax(-1)[batch.labels == number] for batch in parts])
        shares.append(float((told == number).double().mean()))
    units = recalls(parts, nearest_named, 6)
    assert len(units) == 5
    assert sum(units) / 5 == pytest.approx(sum(shares) / 6, abs=1e-12)


def test_norms_over_nodes_see_no_padding():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 7, 3, generator=generator)
    mask = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    norm = GraphNorm(3)
    with torch.no_grad():
        norm.scale.copy_(torch.tensor([1.0, 2.0, 3.0]))
        norm.shift.fill_(0.5)
        y = norm(x, mask)
        other = norm(torch.where(mask.unsqueeze(-1), x, 100.0), mask)
    few = x[1, :4]
    expected = (few - few.mean(0)) / (few.var(0, unbiased=False) + 1e-5).sqrt() * torch.tensor([1.0, 2.0, 3.0]) + 0.5
    assert torch.allclose(y[1, :4], expected, atol=1e-5)
    assert torch.allclose(y, other, atol=1e-6)
    assert not y[1, 4:].any()


@pytest.mark.parametrize("kind", ["none", "signnet", "spe", "pearl", "sign_eq", "canonical"])
def test_scores_of_nodes_do_not_see_padding_or_the_graphs_beside(kind):
    small, large = batches(cluster_graphs(2, least=3, most=6, seed=3), 4, 1)
    (both,) = batches(cluster_graphs(2, least=3, most=6, seed=3), 4, 2)
    network, n = CommunityNetwork(kind, 4, width=8, layers=2), small.v.shape[-2]
    signals = torch.randn(2, large.v.shape[-2], 5, generator=torch.Generator().manual_seed(0))

    def scores(batch, drawn):
        given = {"adjacency": batch.adjacency, "eigenvalues": batch.eigenvalues, "mask": batch.mask}
        return network(batch.v, batch.features, **given, signals=drawn)

    with torch.no_grad():
        alone, beside = scores(small, signals[:1, :n]), scores(both, signals)
    assert both.v.shape[-2] > n
    assert torch.allclose(alone[0], beside[0, :n], atol=1e-4)


def test_networks_without_eigenvectors_ask_for_signals():
    edges = torch.tensor([[0, 1], [1, 0]])
    given = LinkInput(torch.zeros(2, 3), edges, torch.zeros(1, 3))
    network, generator = LinkNetwork("pearl", 3), torch.Generator().manual_seed(0)
    with pytest.raises(ArgumentError, match="signals: expected signals of every node, got none"):
        network(given)
    assert given.with_signals("gcn", generator) is given
    assert network(given.with_signals("pearl", generator)).shape == (2, 32)
    batch = batches(cluster_graphs(1, least=3, most=4, seed=0), 4, 1)[0]
    told = {"adjacency": batch.adjacency, "eigenvalues": batch.eigenvalues, "mask": batch.mask}
    with pytest.raises(ArgumentError, match="signals: expected signals of every node, got none"):
        CommunityNetwork("pearl", 4)(batch.v, batch.features, **told)


def test_planted_nodes_have_more_neighbours_and_all_parts_hide_the_same_graphs():
    graphs = pattern_graphs(8, patterns=4, seed=2)
    assert [int(a.labels.sum()) for a in graphs[:4]] == [int(b.labels.sum()) for b in graphs[4:]]
    parts = batches(graphs, 4, 2)
    threshold = degree_threshold(parts)
    assert recall(parts, lambda batch: many_neighbours(threshold, batch), 2) > 0.8
    assert recall(parts, lambda batch: many_neighbours(1.0, batch), 2) == 0.5


@pytest.mark.parametrize("values", [None, 7])
@pytest.mark.parametrize("kind", ["signnet", "spe", "sign_eq"])
def test_scores_of_nodes_do_not_see_signs(kind, values):
    (batch,) = batches(cluster_graphs(2, least=3, most=6, seed=0), 4, 2)
    network = CommunityNetwork(kind, 4, values=values, width=8, layers=1)
    given = {"adjacency": batch.adjacency, "eigenvalues": batch.eigenvalues, "mask": batch.mask}
    signs = torch.tensor([1.0, -1, -1, 1])
    with torch.no_grad():
        y, flipped = (network(v, batch.features, **given) for v in (batch.v, batch.v * signs))
    assert float((y - flipped).abs().max()) <= 1e-5


def test_the_rate_is_chosen_on_validation_data_and_dead_runs_are_counted():
    scores = {0.1: 0.4, 0.2: None, 0.3: 0.9}

    def train(rate: float) -> tuple[Training, dict]:
        return Training(1.0, dead=rate == 0.2, seconds=0.0), {"validation": scores[rate], "auc": rate}

    found = best_rate([0.1, 0.2, 0.3], train, chance=0.5)
    assert (found["rate"], found["auc"], found["dead"], found["dead_runs"], found["runs"]) == (0.3, 0.3, False, 2, 3)
    assert found["tried"] == {"0.1": {"auc": 0.1}, "0.2": {"auc": 0.2}, "0.3": {"auc": 0.3}}
    assert "tried" not in best_rate([0.1], train, chance=0.5)
    weight = nn.Linear(1, 1)
    run = descend(weight, lambda step, _: weight.weight.sum() * (math.nan if step == 2 else 1), Plan(steps=5))
    assert run.dead
    assert run.loss == math.inf
