"""What is no graph, or no option, is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import torch
from plain_graphs import Graph, both, path, ring

from haar.data.spectra import LaplacianEncoding, laplacian_eigs
from haar.errors import ArgumentError, HaarError

F64 = torch.float64


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: laplacian_eigs(ring(4), 0), "k: expected at least 1"),
        (lambda: laplacian_eigs(ring(4), 2, drop="all"), "drop: expected one of trivial, null"),
        (lambda: laplacian_eigs(ring(4), 2, scale="big"), "scale: expected one of sqrt_n"),
        (lambda: laplacian_eigs(ring(4), 2, unhealthy="no"), "unhealthy: expected one of warn"),
        (lambda: laplacian_eigs(ring(4), 2, normalization="rw"), "normalization: expected"),
        (lambda: laplacian_eigs(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), 1), "undirected.*directed one"),
        (lambda: laplacian_eigs(torch.full((2, 2), torch.nan), 1), "graph: expected finite weights"),
        (lambda: laplacian_eigs(-torch.ones(2, 2), 1), "graph: expected finite weights, none negative"),
        (lambda: laplacian_eigs(torch.ones(2, 3), 1), "graph: expected a square matrix"),
        (lambda: laplacian_eigs(ring(4), 1, nodes=2), "graph: expected edges between nodes 0 to 1"),
        (lambda: laplacian_eigs(torch.zeros(2, 0, dtype=torch.int64), 1), "graph: expected at least one node"),
        (lambda: laplacian_eigs("graph", 1), "graph: expected a matrix, edges"),
        (lambda: LaplacianEncoding(0), "k: expected at least 1"),
        (lambda: LaplacianEncoding(2)(ring(4)), "data: expected a graph with edge_index"),
    ],
)
def test_bad_graphs_are_refused_in_one_line(call, words):
    with pytest.raises(HaarError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("bad", ["a", 2.5, None, True, [3], 0])
def test_the_number_of_columns_is_a_whole_number(bad):
    for call in (lambda: LaplacianEncoding(bad), lambda: laplacian_eigs(ring(6), bad)):
        with pytest.raises(ArgumentError, match=r"^k: expected .*at least 1, got"):
            call()


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LaplacianEncoding(2, normalization="rw"), "normalization: expected one of symmetric, none"),
        (lambda: LaplacianEncoding(2, drop="all"), "drop: expected one of trivial"),
        (lambda: LaplacianEncoding(2, scale=3), "scale: expected one of sqrt_n"),
        (lambda: LaplacianEncoding(2, unhealthy="no"), "unhealthy: expected one of warn"),
        (lambda: LaplacianEncoding(2, name=""), "name: expected the name of an attribute, got ''"),
        (lambda: LaplacianEncoding(2, dtype=torch.int64), "dtype: expected a floating-point type"),
        (lambda: laplacian_eigs(ring(6), 2, tolerance="a"), "tolerance: expected 0 or more, got 'a'"),
        (lambda: laplacian_eigs(ring(6), 2, tolerance=float("nan")), "tolerance: expected 0 or more, got nan"),
        (lambda: laplacian_eigs(ring(6), 2, nodes=6.5), "nodes: expected a whole number"),
        (lambda: laplacian_eigs(torch.ones(3, 3), 2, nodes=7), "nodes: expected 3, as the matrix has, got 7"),
        (lambda: laplacian_eigs(ring(6).T, 2), r"integers \(2, e\) for edges, got int64 \(6, 2\)"),
        (lambda: laplacian_eigs(ring(6).double(), 2), r"integers \(2, e\) for edges, got float64 \(2, 6\)"),
        (lambda: laplacian_eigs(path(3), 2, nodes=30_000), "graph: expected at most 20000 nodes.* got 30000; sample"),
        (lambda: laplacian_eigs(scipy.sparse.eye(30_000), 2), "graph: expected at most 20000 nodes.* got 30000"),
        (lambda: laplacian_eigs(torch.eye(3).to(torch.complex64), 2), "graph: expected a matrix.* got torch.complex64"),
        (lambda: laplacian_eigs(np.array([["a"]]), 2), "graph: expected a matrix"),
        (lambda: laplacian_eigs(torch.tensor([[0, -1], [1, 1]]), 2), "nodes 0 to 1, got a node -1"),
        (lambda: laplacian_eigs(Graph(both(ring(6)), 6, torch.ones(5)), 2), r"edge_weight: expected \(12,\)"),
        (lambda: laplacian_eigs(Graph(both(ring(6)), 6, torch.ones(12, 1)), 2), r"edge_weight: expected \(12,\)"),
        (lambda: laplacian_eigs(Graph(both(ring(6)), 6, torch.ones(1)), 2), r"edge_weight: expected \(12,\)"),
        (
            lambda: laplacian_eigs(Graph(both(both(path(2))), 2, torch.tensor([1.0, 1, 2, 2])), 1),
            "edge_weight: expected one weight for each edge, got several for one; coalesce",
        ),
        (
            lambda: laplacian_eigs(torch.tensor([[0, 1, 1], [1, 0, 2]]), 1),
            "in both directions, or every edge once, got a directed one",
        ),
        (
            lambda: laplacian_eigs(torch.tensor([[0, 1, 0], [1, 2, 1]]), 1),
            "graph: expected every edge at most once in each direction, got the edge from 0 to 1 2 times; coalesce",
        ),
        (
            lambda: laplacian_eigs(Graph(torch.cat([both(path(3)), both(path(2))], 1), 3), 1),
            "graph: expected every edge at most once in each direction, got the edge from 0 to 1 2 times; coalesce",
        ),
        (
            lambda: laplacian_eigs(
                Graph(torch.tensor([[0, 1, 1], [1, 0, 1]]), 2, torch.tensor([1.0, 1, torch.nan])), 1
            ),
            "edge_weight: expected finite weights, got NaN",
        ),
        (
            lambda: laplacian_eigs(1e308 * torch.ones(3, 3, dtype=F64), 1),
            "graph: expected weights whose sums are finite",
        ),
        (lambda: laplacian_eigs(Graph(path(4), 4), 1), "every edge in both directions, got a directed one.*undirected"),
    ],
)
def test_what_does_not_fit_a_graph_is_refused_in_one_line(call, words):
    with pytest.raises(HaarError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
