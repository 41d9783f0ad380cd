"""A graph in whatever form it comes, as a symmetric matrix of weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from haar.errors import ArgumentError, ShapeError, check_count

NORMALIZATIONS = ("symmetric", "none")

#: Whole spectra are solved for, in memory that grows with the square of the nodes: here 3 GB for every matrix.
MOST_NODES = 20_000


def adjacency(graph: Any, *, nodes: int | None = None) -> Tensor:
    """The symmetric weight matrix of an undirected graph, float64, with a zero diagonal.

    Args:
        graph: A square matrix of weights; or edges ``(2, e)`` of integers, all once or all in both directions; either
            as a tensor or as an array; or an object with ``edge_index`` (and ``edge_weight``, ``num_nodes``) as
            PyTorch Geometric's, in which every edge stands in both directions; or a sparse matrix. Edges from a node to
            itself are left out, as PyTorch Geometric does.
        nodes: Number of nodes, for a list of edges.

    Raises:
        ArgumentError: If weights are negative or not finite, the graph is directed, an edge is listed several times in
            one direction, or there are more than 20 000 nodes.
        ShapeError: If the matrix is not square, an edge leaves the nodes, or there is not one weight for each edge.

    Example:
        >>> adjacency(torch.tensor([[0, 1], [1, 2]])).tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    weights: Any = None
    is_object = hasattr(graph, "edge_index")
    if is_object:
        nodes = int(graph.num_nodes) if nodes is None else nodes
        weights = getattr(graph, "edge_weight", None)
        graph = graph.edge_index
    if nodes is not None:
        check_count("nodes", nodes, least=0)
    # Nobody lists edges in a sparse matrix: whole numbers in one are weights.
    is_sparse = hasattr(graph, "tocoo") or (isinstance(graph, Tensor) and graph.layout != torch.strided)
    given = _numbers(graph)
    is_edges = not is_sparse and _lists_edges(given)
    if is_edges:
        matrix = _of_edges(given.to(torch.int64), nodes, weights, both=is_object)
    else:
        matrix = given.to(torch.float64).clone()
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) == 0 or is_object > is_edges:
        raise ShapeError(
            "graph",
            expected="a square matrix of at least one node, or integers (2, e) for edges",
            got=f"{str(given.dtype).removeprefix('torch.')} {tuple(given.shape)}",
        )
    if not is_edges and nodes not in (None, len(matrix)):
        raise ArgumentError("nodes", expected=f"{len(matrix)}, as the matrix has", got=nodes)
    _check_weights(matrix)
    return matrix.fill_diagonal_(0)


def _lists_edges(given: Tensor) -> bool:
    """Whether numbers are two rows of whole ones."""
    return given.ndim == 2 and given.shape[0] == 2 and not given.is_floating_point() and given.dtype != torch.bool


def _check_weights(matrix: Tensor) -> None:
    """Refuse what is no undirected graph with finite weights."""
    if not bool(torch.isfinite(matrix).all()) or bool((matrix < 0).any()):
        raise ArgumentError("graph", expected="finite weights, none negative", got="others")
    if not bool(torch.isfinite(8 * matrix.sum(1)).all()):
        raise ArgumentError(
            "graph", expected="weights whose sums are finite", got="larger ones", way_out="divide them by the largest"
        )
    if not torch.equal(matrix, matrix.T):
        raise ArgumentError(
            "graph",
            expected="an undirected graph, whose weights are symmetric",
            got="a directed one",
            way_out="take (A + A.T) / 2, which is another graph",
        )


def _numbers(graph: Any) -> Tensor:
    """A dense tensor of real numbers on the CPU."""
    if hasattr(graph, "tocoo"):
        _check_size(max(graph.shape))
        graph = graph.toarray()
    if isinstance(graph, np.ndarray) and graph.dtype.kind in "fiub":
        kind = {"f": np.float64, "b": np.bool_}.get(graph.dtype.kind, np.int64)
        graph = torch.from_numpy(np.ascontiguousarray(graph, dtype=kind))
    if not isinstance(graph, Tensor) or graph.is_complex():
        got = str(graph.dtype) if isinstance(graph, Tensor | np.ndarray) else type(graph).__name__
        raise ArgumentError("graph", expected="a matrix, edges (2, e), or an object with edge_index", got=got)
    return (graph if graph.layout == torch.strided else graph.to_dense()).detach().cpu()


def _of_edges(edges: Tensor, nodes: int | None, weights: Any, *, both: bool) -> Tensor:
    """Every edge once, whether all are listed in one direction or all in both."""
    count = _node_count(edges, nodes)
    matrix = torch.zeros(count, count, dtype=torch.float64)
    value = torch.ones(edges.shape[1], dtype=torch.float64) if weights is None else _numbers(weights).to(torch.float64)
    if value.shape != edges.shape[1:]:
        raise ShapeError("edge_weight", expected=f"({edges.shape[1]},), one for each edge", got=tuple(value.shape))
    matrix[edges[0], edges[1]] = value
    if not torch.equal(matrix[edges[0], edges[1]].nan_to_num(), value.nan_to_num()):
        raise ArgumentError(
            "edge_weight",
            expected="one weight for each edge",
            got="several for one",
            way_out="coalesce the edges first",
        )
    _check_once(edges, count)
    if not bool(torch.isfinite(value).all()):
        raise ArgumentError("edge_weight", expected="finite weights", got="NaN or infinity")
    listed = torch.zeros(count, count, dtype=torch.bool)
    listed[edges[0], edges[1]] = True
    once = not bool((listed & listed.T).fill_diagonal_(False).any())
    if not torch.equal(listed, listed.T) and (both or not once):
        raise ArgumentError(
            "graph",
            expected="an undirected graph, with every edge in both directions"
            + ("" if both else ", or every edge once"),
            got="a directed one, with edges in one direction only",
            way_out="torch_geometric.utils.to_undirected adds the other direction, which is another graph",
        )
    return torch.where(listed, matrix, matrix.T)


def _node_count(edges: Tensor, nodes: int | None) -> int:
    """How many nodes there are; no edge may leave them."""
    size = int(edges.max()) + 1 if edges.numel() else 0
    count = size if nodes is None else nodes
    if count < 1:
        raise ShapeError("graph", expected="at least one node", got="none")
    if size > count or (edges.numel() and int(edges.min()) < 0):
        outside = size - 1 if size > count else int(edges.min())
        raise ShapeError("graph", expected=f"edges between nodes 0 to {count - 1}", got=f"a node {outside}")
    _check_size(count)
    return count


def _check_once(edges: Tensor, count: int) -> None:
    """Refuse an edge that is listed twice in one direction."""
    number = edges[0] * count + edges[1]
    found, times = number.unique(return_counts=True)
    repeated = found[(times > 1) & (found // count != found % count)]
    if len(repeated):
        pair = f"{int(repeated[0]) // count} to {int(repeated[0]) % count}"
        raise ArgumentError(
            "graph",
            expected="every edge at most once in each direction",
            got=f"the edge from {pair} {int(times[found == repeated[0]])} times",
            way_out="coalesce the edges first, and say by that whether their weights add up",
        )


def _check_size(nodes: int) -> None:
    if nodes > MOST_NODES:
        raise ArgumentError(
            "graph",
            expected=f"at most {MOST_NODES} nodes, as the whole spectrum is solved for",
            got=nodes,
            way_out="sample subgraphs, or encode parts of it",
        )


def laplacian(weights: Tensor, normalization: str = "symmetric") -> Tensor:
    """L = D - A, or D^-1/2 (D - A) D^-1/2, where a node without edges has a row of zeros.

    Raises:
        ArgumentError: If the normalization is unknown.

    Example:
        >>> laplacian(torch.tensor([[0.0, 2.0], [2.0, 0.0]]), "none").tolist()
        [[2.0, -2.0], [-2.0, 2.0]]
    """
    if normalization not in NORMALIZATIONS:
        raise ArgumentError("normalization", expected=f"one of {', '.join(NORMALIZATIONS)}", got=repr(normalization))
    degree = weights.sum(1)
    plain = torch.diag(degree) - weights
    if normalization == "none":
        return plain
    root = torch.where(degree > 0, degree, 1).rsqrt()
    normal = root[:, None] * plain * root
    return (normal + normal.T) / 2
