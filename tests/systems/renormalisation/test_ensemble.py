"""Ensembles: networks do not see each other, and each is a plain module by itself."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError
from haar.systems.renormalisation import FAMILIES, GRAPHS, NONLINEARITIES, GraphEnsemble, PerceptronEnsemble, Sizes
from haar.systems.renormalisation.graph_ensemble import SHARINGS


def everything(sizes, seeds):
    for activation in NONLINEARITIES:
        for family in FAMILIES:
            yield PerceptronEnsemble(family, activation, sizes, seeds=seeds)
        for graph in GRAPHS:
            for sharing in SHARINGS:
                yield GraphEnsemble(graph, sharing, activation, sizes, seeds=seeds)


@pytest.mark.parametrize("depth", [1, 2])
def test_members_layers_and_batches_agree(depth, generator):
    x = torch.randn(6, 4, dtype=torch.float64, generator=generator)
    for nets in everything(Sizes(4, 4, depth), [3, 4]):
        together = nets(x)
        assert together.shape == (2, 6)
        for index in range(2):
            alone = nets.member(index)(x)[:, 0]
            torch.testing.assert_close(together[index], alone, rtol=1e-12, atol=1e-12)
        own = torch.stack([x, 2 * x])
        torch.testing.assert_close(nets(own)[1], nets(2 * x)[1], rtol=1e-12, atol=1e-12)


def test_names_are_distinct():
    names = [nets.name for depth in (1, 2) for nets in everything(Sizes(4, 4, depth), [0])]
    assert len(set(names)) == len(names)


def test_members_are_copies(generator):
    nets = PerceptronEnsemble("free", "relu", Sizes(2, 4, 1), seeds=[0])
    member = nets.member(0)
    x = torch.randn(3, 2, dtype=torch.float64, generator=generator)
    before = nets(x)
    with torch.no_grad():
        member[0].weight.zero_()
    assert torch.equal(nets(x), before)


def test_ensembles_are_plain_modules(generator):
    x = torch.randn(3, 4, dtype=torch.float64, generator=generator)
    for nets in everything(Sizes(4, 4, 1), [0]):
        assert torch.equal(copy.deepcopy(nets)(x), nets(x))
        twin = type(nets)(
            *([nets.family.name] if isinstance(nets, PerceptronEnsemble) else [nets.graph, nets.sharing]),
            nets.activation.name,
            nets.sizes,
            seeds=[9],
        )
        twin.load_state_dict(nets.state_dict())
        assert torch.equal(twin(x), nets(x))
    tanh = PerceptronEnsemble("free", "tanh", Sizes(4, 4, 1), seeds=[0])
    assert pickle.loads(pickle.dumps(tanh.state_dict())).keys() == tanh.state_dict().keys()


@given(st.integers(0, 2**31), st.sampled_from(sorted(NONLINEARITIES)), st.sampled_from(SHARINGS))
def test_graph_networks_have_the_symmetry_of_their_graph(seed, activation, sharing):
    x = torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    moves = {
        "complete": torch.randperm(5, generator=torch.Generator().manual_seed(seed)),
        "ring": torch.arange(5).roll(2),
        "path": torch.arange(4, -1, -1),
    }
    for graph, move in moves.items():
        nets = GraphEnsemble(graph, sharing, activation, Sizes(5, 3, 2), seeds=[seed])
        torch.testing.assert_close(nets(x[:, move]), nets(x), rtol=1e-12, atol=1e-12)


def test_a_path_is_not_a_ring(generator):
    x = torch.randn(5, 5, dtype=torch.float64, generator=generator)
    nets = GraphEnsemble("path", "distinct", "relu", Sizes(5, 3, 1), seeds=[0])
    assert (nets(x.roll(1, -1)) - nets(x)).abs().max().detach().item() > 1e-3


@pytest.mark.parametrize(("sharing", "count"), [("distinct", 65), ("shared", 49)])
def test_parameter_counts_of_the_protocol(sharing, count):
    assert GraphEnsemble("complete", sharing, "relu", Sizes(4, 16, 1), seeds=[0]).parameter_count == count


def test_graphs_of_few_nodes():
    assert GRAPHS["ring"](2).tolist() == [[0, 1], [1, 0]]
    assert GRAPHS["ring"](1).tolist() == GRAPHS["path"](1).tolist() == GRAPHS["complete"](1).tolist() == [[0]]
    for make in GRAPHS.values():
        assert torch.equal(make(6), make(6).mT)


def test_refusals():
    with pytest.raises(ArgumentError, match="seeds: expected at least one network, got none"):
        PerceptronEnsemble("free", "relu", Sizes(), seeds=[])
    with pytest.raises(ArgumentError, match="index: expected 0 to 1, got 2"):
        PerceptronEnsemble("free", "relu", Sizes(), seeds=[0, 1]).member(2)
    with pytest.raises(ArgumentError, match="graph: expected one of complete, ring, path, got 'star'"):
        GraphEnsemble("star", "shared", "relu", Sizes(), seeds=[0])
    with pytest.raises(ArgumentError, match="sharing: expected one of distinct, shared, got 'none'"):
        GraphEnsemble("ring", "none", "relu", Sizes(), seeds=[0])
