"""Graphs as they come: exact sizes, weights, and where edges stop being edges."""

from __future__ import annotations

import pytest
import torch

from haar.data.spectra import adjacency, laplacian
from haar.errors import ArgumentError, ShapeError

F64 = torch.float64


class Graph:
    """Edges in both directions, as PyTorch Geometric has them."""

    def __init__(self, edges, nodes, weights=None):
        self.edge_index, self.num_nodes, self.edge_weight = torch.tensor(edges), nodes, weights


def test_weights_stand_where_their_edges_do():
    graph = Graph([[0, 1, 1, 2, 3], [1, 0, 2, 1, 3]], 5, torch.tensor([2.0, 2.0, 0.5, 0.5, 9.0]))
    expected = torch.zeros(5, 5, dtype=F64)
    expected[0, 1] = expected[1, 0] = 2
    expected[1, 2] = expected[2, 1] = 0.5
    assert torch.equal(adjacency(graph), expected)  # the loop is left out
    assert torch.equal(adjacency(graph, nodes=6)[:5, :5], expected)
    assert len(adjacency(graph, nodes=6)) == 6
    given = expected + torch.eye(5)
    assert torch.equal(adjacency(given), expected)
    assert torch.equal(given.diagonal(), torch.ones(5, dtype=F64))  # what was given stays as it was


def test_two_rows_of_whole_numbers_are_edges_and_other_tables_are_weights():
    assert adjacency(torch.tensor([[0, 1], [1, 0]])).tolist() == [[0, 1], [1, 0]]
    assert adjacency(torch.tensor([[0.0, 3.0], [3.0, 0.0]])).tolist() == [[0, 3], [3, 0]]
    assert adjacency(torch.tensor([[False, True], [True, False]])).tolist() == [[0, 1], [1, 0]]
    assert adjacency(torch.tensor([[0, 2, 1], [2, 0, 0], [1, 0, 0]])).tolist() == [[0, 2, 1], [2, 0, 0], [1, 0, 0]]
    assert adjacency(torch.tensor([[0], [2]]), nodes=3).sum() == 2
    assert adjacency(torch.zeros(2, 0, dtype=torch.int64), nodes=1).tolist() == [[0]]
    assert adjacency(torch.ones(3, 3), nodes=3).sum() == 6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: adjacency(torch.tensor([[0, 1], [1, 3]]), nodes=3), "edges between nodes 0 to 2, got a node 3"),
        (lambda: adjacency(torch.tensor([[0, 1], [1, 2]]), nodes=0), "graph: expected at least one node, got none"),
        (
            lambda: adjacency(torch.zeros(0, 0)),
            r"graph: expected a square matrix of at least one node, .* got float32 \(0, 0\)",
        ),
        (lambda: adjacency(torch.zeros(2, 2, 2)), r"graph: expected a square matrix .* got float32 \(2, 2, 2\)"),
        (
            lambda: adjacency(Graph([[0.0, 1.0], [1.0, 0.0]], 2)),
            r"graph: expected a square matrix .* got float32 \(2, 2\)",
        ),
    ],
)
def test_what_has_no_such_nodes_is_refused(call, message):
    with pytest.raises(ShapeError, match=message):
        call()


def test_sums_of_weights_may_be_as_large_as_an_eighth_of_all_numbers():
    most = torch.finfo(F64).max / 8
    assert adjacency(torch.tensor([[0, 0.99], [0.99, 0]], dtype=F64) * most).max() == 0.99 * most
    for weights in (1.01 * torch.tensor([[0, 1], [1, 0]], dtype=F64), 0.51 * (1 - torch.eye(3, dtype=F64))):
        with pytest.raises(
            ArgumentError, match="graph: expected weights whose sums are finite, got larger ones; divide"
        ):
            adjacency(weights * most)
    with pytest.raises(ArgumentError, match="nodes: expected at least 0, got -1"):
        adjacency(torch.tensor([[0], [1]]), nodes=-1)


def test_an_edge_in_one_direction_is_told_by_how_the_others_are_listed():
    assert adjacency(torch.tensor([[0, 1], [1, 2]])).sum() == 4  # each once
    for edges, words in (([[0, 1, 1], [1, 0, 2]], ", or every edge once"), ([[0, 1], [1, 2]], "")):
        given = torch.tensor(edges) if words else Graph(edges, 3)
        with pytest.raises(ArgumentError, match=f"with every edge in both directions{words}, got a directed one"):
            adjacency(given)


def test_laplacians_are_those_by_hand():
    weights = torch.tensor([[0.0, 4, 0, 0], [4, 0, 5, 0], [0, 5, 0, 0], [0, 0, 0, 0]], dtype=F64)
    assert laplacian(weights, "none").tolist() == [[4, -4, 0, 0], [-4, 9, -5, 0], [0, -5, 5, 0], [0, 0, 0, 0]]
    a, b = 4 / (4 * 9) ** 0.5, 5 / (9 * 5) ** 0.5
    expected = torch.tensor([[1, -a, 0, 0], [-a, 1, -b, 0], [0, -b, 1, 0], [0, 0, 0, 0]], dtype=F64)
    torch.testing.assert_close(laplacian(weights), expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(laplacian(weights), laplacian(weights).T)
    with pytest.raises(ArgumentError, match="normalization: expected one of symmetric, none, got 'rw'"):
        laplacian(weights, "rw")
