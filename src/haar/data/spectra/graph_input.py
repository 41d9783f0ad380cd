"""A graph in whatever form it comes, as a symmetric matrix of weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.errors import ArgumentError, ShapeError


def adjacency(graph: Any, *, nodes: int | None = None) -> Tensor:
    """The symmetric weight matrix of an undirected graph, float64, with a zero diagonal.

    Args:
        graph: A square matrix of weights; or edges ``(2, e)`` of integers, in one or both directions; or an object with
            ``edge_index`` (and ``edge_weight``, ``num_nodes``) as PyTorch Geometric's; or a SciPy sparse matrix.
        nodes: Number of nodes, for a list of edges.

    Raises:
        ArgumentError: If weights are negative or not finite, or the graph is directed.
        ShapeError: If the matrix is not square, or an edge leaves the nodes.

    Example:
        >>> adjacency(torch.tensor([[0, 1], [1, 2]])).tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    weights: Tensor | None = None
    if hasattr(graph, "edge_index"):
        nodes = int(graph.num_nodes) if nodes is None else nodes
        weights = getattr(graph, "edge_weight", None)
        graph = graph.edge_index
    elif hasattr(graph, "tocoo"):
        graph = torch.as_tensor(graph.toarray())
    if not isinstance(graph, Tensor):
        raise ArgumentError("graph", expected="a matrix, edges (2, e), or an object with edge_index", got=type(graph))
    is_edges = graph.ndim == 2 and graph.shape[0] == 2 and not graph.is_floating_point() and graph.dtype != torch.bool
    matrix = _of_edges(graph, nodes, weights) if is_edges else graph.to(torch.float64).clone()
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) == 0:
        raise ShapeError("graph", expected="a square matrix of at least one node", got=tuple(matrix.shape))
    if not bool(torch.isfinite(matrix).all()) or bool((matrix < 0).any()):
        raise ArgumentError("graph", expected="finite weights, none negative", got="others")
    if not torch.equal(matrix, matrix.T):
        raise ArgumentError(
            "graph",
            expected="an undirected graph, whose weights are symmetric",
            got="a directed one",
            way_out="take (A + A.T) / 2, which is another graph",
        )
    return matrix.fill_diagonal_(0)


def _of_edges(edges: Tensor, nodes: int | None, weights: Tensor | None) -> Tensor:
    """Every edge once, whether it is listed in one direction or in both."""
    size = int(edges.max()) + 1 if edges.numel() else 0
    count = size if nodes is None else nodes
    if count < 1:
        raise ShapeError("graph", expected="at least one node", got="none")
    if size > count or (edges.numel() and int(edges.min()) < 0):
        raise ShapeError("graph", expected=f"edges between nodes 0 to {count - 1}", got=f"a node {size - 1}")
    matrix = torch.zeros(count, count, dtype=torch.float64)
    value = torch.ones(edges.shape[1], dtype=torch.float64) if weights is None else weights.to(torch.float64)
    matrix[edges[0], edges[1]] = value
    listed = torch.zeros(count, count, dtype=torch.bool)
    listed[edges[0], edges[1]] = True
    return torch.where(listed, matrix, matrix.T)


def laplacian(weights: Tensor, normalization: str = "symmetric") -> Tensor:
    """L = D - A, or D^-1/2 (D - A) D^-1/2, where a node without edges has a row of zeros.

    Raises:
        ArgumentError: If the normalization is unknown.

    Example:
        >>> laplacian(torch.tensor([[0.0, 2.0], [2.0, 0.0]]), "none").tolist()
        [[2.0, -2.0], [-2.0, 2.0]]
    """
    if normalization not in ("symmetric", "none"):
        raise ArgumentError("normalization", expected="'symmetric' or 'none'", got=repr(normalization))
    degree = weights.sum(1)
    plain = torch.diag(degree) - weights
    if normalization == "none":
        return plain
    root = torch.where(degree > 0, degree, 1).rsqrt()
    normal = root[:, None] * plain * root
    return (normal + normal.T) / 2
