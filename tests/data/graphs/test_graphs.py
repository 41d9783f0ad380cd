"""The graphs are what they claim to be, and the two tasks on two copies show what they should."""

from __future__ import annotations

import pytest
import torch

from haar.data.graphs import cluster_graphs, pattern_graphs, random_graph, twin_task, two_copies
from haar.data.spectra import laplacian_eigs
from haar.errors import ArgumentError
from haar.nn.spectral import SignDeepSets, SignNet, inner_score

F64 = torch.float64


def test_random_graphs_have_the_edges_that_were_asked_for():
    generator = torch.Generator().manual_seed(0)
    edges = random_graph(200, probability=0.1, generator=generator)
    assert abs(edges.shape[1] - 1990) < 5 * (1990 * 0.9) ** 0.5
    grown = random_graph(200, kind="barabasi_albert", attach=5, generator=generator)
    assert grown.shape[1] == 195 * 5
    assert len(grown.unique(dim=1).T) == 195 * 5
    assert int(grown.flatten().bincount().max()) > 30  # hubs
    assert int(grown[1].min()) == 5


def test_two_copies_agree_but_for_the_added_edges():
    graph = two_copies(100, probability=0.1, added=40, seed=3)
    inside = graph.edges[:, (graph.edges < 100).all(0)]
    shifted = graph.edges[:, (graph.edges >= 100).all(0)] - 100
    first, second = (set(map(tuple, part.T.tolist())) for part in (inside, shifted))
    assert len(first ^ second) <= 40
    assert len(first & second) > 400
    assert (graph.edges[0] < graph.edges[1]).all()
    assert torch.equal(two_copies(100, probability=0.1, added=40, seed=3).edges, graph.edges)


def test_the_closed_form_of_the_best_auc_is_that_of_the_oracle():
    """Given the copies, edges are independent: AUC* = 1/2 + (p_s - n_s) / 2, with p_s, n_s the same-copy shares."""
    graph = two_copies(300, probability=0.1, added=200, seed=0)
    generator = torch.Generator().manual_seed(0)
    positive = graph.edges
    negative = torch.randint(graph.nodes, positive.shape, generator=generator)
    same = [(graph.copy[pair[0]] == graph.copy[pair[1]]).to(F64) for pair in (positive, negative)]
    closed = 0.5 + (same[0].mean() - same[1].mean()) / 2
    # The area under the curve by its definition, on a sample: ties count one half.
    some = [torch.randint(len(part), (200_000,), generator=generator) for part in same]
    a, b = same[0][some[0]], same[1][some[1]]
    assert abs(float((a > b).to(F64).mean() + (a == b).to(F64).mean() / 2 - closed)) < 0.01
    assert 0.7 < float(closed) < 0.8


def test_the_exchange_of_twins_is_an_automorphism_and_ties_invariant_scores():
    task = twin_task(60, seed=1)
    swapped = (task.graph.edges + 60) % 120
    assert torch.equal(swapped.sort(0).values.unique(dim=1), task.graph.edges)
    assert {tuple(p) for p in task.positive.T.tolist()}.isdisjoint(map(tuple, task.graph.edges.T.tolist()))
    spectrum = laplacian_eigs(task.graph.edges, 8, nodes=120)
    source = {"generator": torch.Generator().manual_seed(0), "dtype": F64}
    edges = task.graph.both_directions
    with torch.no_grad():
        tied = SignNet(8, 16, **source)(spectrum.vectors, edges=edges)
        told = SignDeepSets(8, norm="rms", **source)(spectrum.vectors, edges=edges)
    gaps = []
    for z in (tied, told):
        near, far = (inner_score(z[p[0]], z[p[1]]) for p in (task.positive, task.negative))
        gaps.append(float((near - far).abs().max() / near.abs().max()))
    assert gaps[0] <= 1e-12
    assert gaps[1] > 1e-3


def test_clusters_name_one_node_of_each_community():
    graphs = cluster_graphs(6, seed=2)
    assert torch.equal(cluster_graphs(2, seed=2)[1].edges, graphs[1].edges)
    inside, across = [], []
    for graph in graphs:
        named = graph.features > 0
        assert graph.features[named].sort().values.tolist() == [1, 2, 3, 4, 5, 6]
        assert (graph.labels[named] == graph.features[named] - 1).all()
        sizes = graph.labels.bincount()
        assert 5 <= int(sizes.min()) <= int(sizes.max()) <= 34
        same = graph.labels[graph.edges[0]] == graph.labels[graph.edges[1]]
        inside.append(float(same.sum()) / float((sizes * (sizes - 1)).sum()))
        across.append(float((~same).sum()) / float(sizes.sum() ** 2 - sizes.square().sum()))
    assert abs(sum(inside) / 6 - 0.55) < 0.03
    assert abs(sum(across) / 6 - 0.25) < 0.03


def test_patterns_are_the_same_planted_graph_every_time():
    graphs = pattern_graphs(4, patterns=2, seed=1)
    found = []
    for graph in graphs:
        member = torch.nonzero(graph.labels == 1).flatten()
        inside = (graph.labels[graph.edges] == 1).all(0)
        degrees = graph.edges[0][inside].bincount(minlength=len(graph.labels))[member].sort().values
        found.append((degrees.tolist(), graph.features[member].sort().values.tolist()))
        assert set(graph.features.unique().tolist()) <= {0, 1, 2}
    assert found[0] == found[2]
    assert found[1] == found[3]
    assert found[0] != found[1]


def test_a_graph_becomes_a_geometric_one():
    pytest.importorskip("torch_geometric", reason="needs the extra haar[graphs]")
    graph = cluster_graphs(1, least=3, most=5)[0]
    data = graph.data()
    assert data.num_nodes == len(graph.labels)
    assert data.is_undirected()


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda g: random_graph(1, generator=g), "nodes: expected at least 2"),
        (lambda g: random_graph(9, probability=2.0, generator=g), "probability: expected"),
        (lambda g: random_graph(9, kind="small world", generator=g), "kind: expected"),
        (lambda g: random_graph(9, kind="barabasi_albert", attach=9, generator=g), "attach: expected 1 to 8"),
        (lambda _: twin_task(9, held_out=1.0), "held_out: expected a share"),
        (lambda _: twin_task(9, crossings=-4), "crossings: expected at least 2, got -4"),
        (lambda _: two_copies(9, added=-1), "added: expected at least 0"),
        (lambda g: random_graph("a", generator=g), "nodes: expected a whole number, at least 2, got 'a'"),
        (lambda g: random_graph(9, kind="barabasi_albert", attach=1.5, generator=g), "attach: expected a whole number"),
        (lambda _: cluster_graphs(0), "count: expected at least 1"),
        (lambda _: cluster_graphs(1, communities=0), "communities: expected at least 1"),
        (lambda _: cluster_graphs(1, least=9, most=5), "least: expected no more than most, 5, got 9"),
        (lambda _: cluster_graphs(1, inside=float("nan")), "inside: expected a probability, got nan"),
        (lambda _: pattern_graphs(1, inside=1.5), "inside: expected a probability, got 1.5"),
        (lambda _: pattern_graphs(1, pattern_inside=2.0), "pattern_inside: expected a probability"),
        (lambda _: pattern_graphs(1, patterns=0), "patterns: expected at least 1"),
    ],
)
def test_bad_numbers_are_refused(call, words):
    with pytest.raises(ArgumentError, match=words):
        call(torch.Generator())


def test_the_defaults_are_those_written():
    g = lambda: torch.Generator().manual_seed(0)  # noqa: E731
    assert torch.equal(random_graph(60, generator=g()), random_graph(60, probability=0.05, generator=g()))
    kind = "barabasi_albert"
    assert torch.equal(
        random_graph(30, kind=kind, generator=g()), random_graph(30, kind=kind, attach=20, generator=g())
    )
    whole = two_copies(added=5)
    assert (whole.nodes, whole.copy.tolist()) == (2000, [0] * 1000 + [1] * 1000)
    given = two_copies(1000, kind="erdos_renyi", probability=0.05, added=5, seed=0)
    assert torch.equal(whole.edges, given.edges)
    some = two_copies(40)
    assert torch.equal(some.edges, two_copies(40, probability=0.05, added=1000, seed=0).edges)
    grown = two_copies(40, kind=kind, added=0)
    assert torch.equal(grown.edges, two_copies(40, kind=kind, attach=20, added=0).edges)
    task = twin_task()
    assert task.graph.nodes == 200
    assert torch.equal(task.positive, twin_task(100, probability=0.12, held_out=0.2, crossings=30, seed=0).positive)
    assert torch.equal(task.graph.edges, twin_task(100, probability=0.12, crossings=30).graph.edges)
    assert task.positive.shape[1] == pytest.approx(0.2 * 0.12 * 4950, rel=0.2)
    across = (task.graph.edges[0] < 100) & (task.graph.edges[1] >= 100)
    assert 0 < int(across.sum()) <= 30
    assert len(twin_task(20, probability=0.3, crossings=2).graph.edges.T) > 0


def test_edges_of_an_oracle_are_drawn_by_degree():
    edges = random_graph(7, kind="barabasi_albert", attach=2, generator=torch.Generator().manual_seed(3)).T.tolist()
    assert edges[:2] == [[0, 2], [1, 2]]
    assert all(old < new for old, new in edges)
    assert [new for _, new in edges] == [2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    assert len({tuple(edge) for edge in edges}) == 10


def test_planted_graphs_have_the_densities_that_were_asked_for():
    def shares(**options):
        counts = torch.zeros(4, 2, dtype=F64)
        for graph in pattern_graphs(8, patterns=8, **options):
            planted, n = graph.labels == 1, len(graph.labels)
            dense = torch.zeros(n, n, dtype=torch.bool)
            dense[graph.edges[0], graph.edges[1]] = True
            assert torch.equal(dense, dense.T)
            assert not dense.diagonal().any()
            assert len(graph.edges.T) == int(dense.sum())  # none twice
            for row, (a, b) in enumerate(((planted, planted), (planted, ~planted), (~planted, ~planted))):
                pairs = a[:, None] & b[None, :] & ~torch.eye(n, dtype=torch.bool)
                counts[row] += torch.tensor([int((dense & pairs).sum()), int(pairs.sum())])
        return (counts[:3, 0] / counts[:3, 1]).tolist()

    inside, across, around = shares()
    assert (inside, across) == pytest.approx((0.5, 0.5), abs=0.04)
    assert 0.35 < around < 0.5  # a mixture of inside and across
    inside, across, around = shares(pattern_inside=0.9, pattern_across=0.1, inside=0.2, across=0.2)
    assert (inside, across, around) == pytest.approx((0.9, 0.1, 0.2), abs=0.04)
    assert shares(communities=1, across=0.0)[2] == pytest.approx(0.5, abs=0.05)


def test_sizes_reach_both_ends_and_a_hundred_patterns_take_turns():
    sizes = [
        n for graph in cluster_graphs(40, communities=2, least=3, most=5) for n in graph.labels.bincount().tolist()
    ]
    assert set(sizes) == {3, 4, 5}
    graphs = pattern_graphs(101, communities=1, least=6, most=12)
    planted = [graph.features[graph.labels == 1].sort().values.tolist() for graph in graphs]
    assert planted[0] == planted[100]
    assert len({tuple(features) for features in planted[:100]}) > 60
    assert {len(features) for features in planted} == set(range(6, 13))
    assert {int(f) for features in planted for f in features} == {0, 1, 2}
    assert len(pattern_graphs(1, patterns=1)[0].labels) > 5 * 5
    assert len(cluster_graphs(1)[0].labels.unique()) == 6
