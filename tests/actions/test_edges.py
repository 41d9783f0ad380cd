"""Edges by the numbers of their ends, against plain loops and against what a permuted adjacency matrix says."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Bilinear, Defining, Edges, Points
from haar.errors import ArgumentError, ShapeError
from haar.groups import dihedral, from_permutations, sign, symmetric


def adjacency(edges, nodes):
    made = torch.zeros(nodes, nodes, dtype=torch.float64)
    for source, target in edges.T.tolist():
        made[target, source] += 1
    return made


@pytest.mark.parametrize("nodes", [4, 9])  # elements that are numbers, and elements that are permutations
def test_renumbered_edges_have_the_permuted_adjacency_matrix(nodes, generator):
    rep = Defining(symmetric(nodes))
    edges = torch.randint(nodes, (6, 2, 11), generator=generator)
    g = rep.group.sample(6, generator)
    moved = Edges(rep).act(g, edges)
    for one, before, after in zip(g, edges, moved, strict=True):
        assert torch.equal(adjacency(after, nodes), Bilinear(rep).act(one, adjacency(before, nodes)))
        assert torch.equal(Edges(rep).move(one)(before), after)
        assert torch.equal(Edges(rep).act(one, before), after)


def test_every_edge_joins_the_features_that_it_joined(generator):
    rep = Defining(symmetric(7))
    x, edges = torch.randn(7, 3, generator=generator), torch.randint(7, (2, 12), generator=generator)
    g = rep.group.sample(1, generator)[0]
    moved_x, moved = Points(relabelling=rep).act(g, x), Edges(rep).act(g, edges.int())
    assert moved.dtype == torch.int32
    assert torch.equal(moved_x[moved.long()], x[edges])


def test_one_element_after_the_other_is_their_product(generator):
    group = from_permutations([[1, 2, 0, 3], [1, 0, 2, 3]])
    action = Edges(Defining(group))
    edges = torch.randint(4, (2, 9), generator=generator)
    a, b = (group.sample(1, generator)[0] for _ in range(2))
    assert torch.equal(action.act(a, action.act(b, edges)), action.act(group.compose(a, b), edges))


@pytest.mark.parametrize("group", [dihedral(4), sign(3)])
def test_what_permutes_no_nodes_is_refused(group):
    with pytest.raises(ArgumentError, match="relabelling: expected a representation by permutations of the nodes"):
        Edges(Defining(group))


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        (torch.zeros(3, 4, dtype=torch.int64), r"pairs of node numbers \(2, edges\)"),
        (torch.zeros(2, 4), "whole numbers, pairs of nodes"),
        (torch.tensor([[0, 1], [1, 4]]), r"node numbers 0\.\.3, got node 4"),
        (torch.tensor([[0, -1], [1, 2]]), r"node numbers 0\.\.3, got node -1"),
    ],
)
def test_what_are_no_edges_is_refused(edges, words):
    with pytest.raises(ShapeError, match=words):
        Edges(Defining(symmetric(4))).check(edges)


def test_a_subgroup_renumbers_as_the_group_does(generator):
    group = symmetric(4)
    swap = group.subgroup(group.generators()[:1])
    edges = torch.randint(4, (2, 9), generator=generator)
    element = swap.generators()[0]
    assert torch.equal(
        Edges(Defining(group)).restrict(swap).act(element, edges),
        Edges(Defining(group)).act(swap.include(element), edges),
    )
