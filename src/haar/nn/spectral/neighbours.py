"""Means over neighbours, on whole clouds with masks, on dense graphs, on lists of edges and on batches of graphs."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.nn.precision import wide_dtype
from haar.nn.spectral.columns import cloud_mean
from haar.nn.spectral.given import check_adjacency, check_cloud, check_edges, check_mask


def neighbour_mean(
    x: Float[Tensor, "*batch n k"],
    *,
    edges: Int[Tensor, "2 e"] | None = None,
    adjacency: Float[Tensor, "*batch n n"] | None = None,
    cloud: Int[Tensor, " n"] | None = None,
    mask: Bool[Tensor, "*batch n"] | None = None,
) -> Float[Tensor, "*batch n k"]:
    """The mean of x over the neighbours of every row; over the whole cloud when no graph is given.

    Args:
        x: Features; of one graph or of several side by side when `edges` or `cloud` is given.
        edges: From (row 0) and to (row 1), both directions of an undirected edge.
        adjacency: Weights; row i takes the weighted mean over j.
        cloud: Number of the cloud that each row belongs to, as in a batch of PyTorch Geometric.
        mask: Which rows hold a point.

    Returns:
        Means; 0 for a row without neighbours.

    Raises:
        ArgumentError: If more than one of `edges`, `adjacency` and `cloud` is given.
        ShapeError: If edges or clouds are given together with a batch axis, or something does not fit.

    Example:
        >>> neighbour_mean(torch.tensor([[1.0], [3.0]]), edges=torch.tensor([[0], [1]])).tolist()
        [[0.0], [1.0]]
    """
    given = [
        name for name, value in (("edges", edges), ("adjacency", adjacency), ("cloud", cloud)) if value is not None
    ]
    if len(given) > 1:
        raise ArgumentError(given[1], expected=f"none beside {given[0]}", got="both")
    check_mask(mask, x)
    if adjacency is not None:
        check_adjacency(adjacency, x)
        weights = adjacency
        if mask is not None:
            weights = torch.where(mask.unsqueeze(-2) & mask.unsqueeze(-1), adjacency, 0)
        weights = weights.to(wide_dtype(x.dtype))
        total = weights.sum(-1, keepdim=True)
        return (weights @ x.to(weights.dtype) / torch.where(total == 0, 1, total)).to(x.dtype)
    if edges is None and cloud is None:
        return cloud_mean(x, mask).expand(x.shape)
    if x.ndim != 2:
        raise ShapeError(
            given[0],
            expected="features (rows, k) without a batch axis",
            got=tuple(x.shape),
            way_out="number the clouds",
        )
    check_edges(edges, len(x))
    check_cloud(cloud, len(x))
    wide = x.to(wide_dtype(x.dtype))
    if edges is not None:
        source, target = edges
        sums = wide.new_zeros(x.shape).index_add(0, target, wide[source])
        count = wide.new_zeros(len(x)).index_add(0, target, wide.new_ones(len(target)))
        return (sums / count.clamp(min=1).unsqueeze(-1)).to(x.dtype)
    if cloud is None:  # for the type checker: excluded above
        return x
    clouds = int(cloud.max()) + 1 if len(cloud) else 0
    sums = wide.new_zeros(clouds, x.shape[-1]).index_add(0, cloud, wide)
    count = wide.new_zeros(clouds).index_add(0, cloud, wide.new_ones(len(cloud)))
    return (sums / count.clamp(min=1).unsqueeze(-1))[cloud].to(x.dtype)
