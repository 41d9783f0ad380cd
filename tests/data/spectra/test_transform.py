"""The transform writes what the solver finds, with its options, under its name."""

from __future__ import annotations

import pytest
import torch

from haar.data.spectra import LaplacianEncoding, laplacian_eigs
from haar.errors import ArgumentError, HaarWarning

F64 = torch.float64
RING = torch.stack([torch.arange(6), (torch.arange(6) + 1) % 6])


class Graph:
    """A graph that takes attributes as PyTorch Geometric's data do."""

    def __init__(self, edges, nodes):
        self.edge_index, self.num_nodes = torch.cat([edges, edges.flip(0)], 1), nodes

    def __setitem__(self, name, value):
        setattr(self, name, value)


def test_the_defaults_are_those_written():
    graph = Graph(RING[:, :4], 5)  # a path
    made = LaplacianEncoding(3)(graph)
    assert made is not graph
    assert not hasattr(graph, "laplacian_eigenvector_pe")
    expected = laplacian_eigs(RING[:, :4], 3)
    assert made.laplacian_eigenvector_pe.dtype == torch.float32
    assert torch.equal(made.laplacian_eigenvector_pe, expected.vectors.float())
    assert torch.equal(made.laplacian_eigenvector_pe_eigenvalues, expected.eigenvalues.float()[None])
    assert made.laplacian_eigenvector_pe_columns.tolist() == [[True] * 3]
    assert made.laplacian_eigenvector_pe_spaces.tolist() == [[0, 1, 2]]
    health = made.laplacian_eigenvector_pe_health
    assert (health["warnings"], health["messages"], health["components"]) == ([], [], 1)
    with pytest.warns(HaarWarning, match="W1"):
        LaplacianEncoding(4)(Graph(RING, 6))


@pytest.mark.parametrize(
    "options", [{"normalization": "none"}, {"drop": "null"}, {"drop": "none"}, {"scale": "unit"}], ids=str
)
def test_options_reach_the_solver(options):
    parts = torch.cat([RING[:, :4], RING[:, :2] + 5], 1)  # two paths, with degrees 1 and 2
    made = LaplacianEncoding(9, unhealthy="quiet", dtype=F64, name="pe", **options)(Graph(parts, 8))
    expected, plain = (laplacian_eigs(parts, 9, unhealthy="quiet", **some) for some in (options, {}))
    assert torch.equal(made.pe, expected.vectors)
    assert torch.equal(made.pe_eigenvalues[0], expected.eigenvalues)
    assert torch.equal(made.pe_columns[0], expected.columns)
    assert torch.equal(made.pe_spaces[0], expected.spaces)
    assert made.pe_health["warnings"] == sorted(expected.health.warnings)
    assert made.pe_health["messages"] == [expected.health.warnings[code] for code in sorted(expected.health.warnings)]
    assert not torch.equal(expected.vectors, plain.vectors)


def test_what_is_not_one_graph_is_refused():
    with pytest.raises(ArgumentError, match="graph: expected a simple spectrum"):
        LaplacianEncoding(4, unhealthy="raise")(Graph(RING, 6))
    batch = Graph(RING, 6)
    batch.num_graphs = 2
    with pytest.raises(ArgumentError, match="data: expected one graph, got a batch of 2"):
        LaplacianEncoding(2)(batch)
    batch.num_graphs = 1
    assert LaplacianEncoding(1, unhealthy="quiet")(batch).laplacian_eigenvector_pe.shape == (6, 1)
    bare = Graph(RING, 6)
    del bare.num_nodes
    with pytest.raises(ArgumentError, match="data: expected a graph with edge_index and num_nodes, got Graph"):
        LaplacianEncoding(2)(bare)
    bare = Graph(RING, 6)
    bare.edge_index = None
    with pytest.raises(ArgumentError, match="data: expected a graph with edge_index and num_nodes, got Graph"):
        LaplacianEncoding(2)(bare)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "two words"}, "name: expected the name of an attribute, got 'two words'"),
        ({"name": 3}, "name: expected the name of an attribute, got 3"),
        ({"dtype": "float32"}, "dtype: expected a floating-point type of torch, got 'float32'"),
    ],
)
def test_names_and_types_are_checked_before_there_is_a_graph(options, message):
    with pytest.raises(ArgumentError, match=message):
        LaplacianEncoding(2, **options)
