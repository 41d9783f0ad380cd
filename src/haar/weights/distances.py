r"""How far parameters are from symmetric: from their average over a group, and two units from one another.

A loss is G-symmetric in the parameters if l(theta) = l(g theta); theta itself is symmetric if g theta = theta. The
distance from symmetry is Delta_G = |theta - P theta|^2 / |theta|^2 with P the average over G (the Reynolds operator).
For the units of a layer, with u_j = (incoming weights, bias, outgoing weights), P replaces every u_j by their mean.

Source: Ziyin et al., arXiv 2502.05300 and 2309.16932 (the idea); this definition of the distance is our own.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, ShapeError


def breaking_distance(units: Float[Tensor, "*networks units features"]) -> Float[Tensor, "*networks"]:
    """Delta = sum_j |u_j - mean|^2 / sum_j |u_j|^2: 0 for equal units, at most 1; 0 where all units vanish.

    Example:
        >>> breaking_distance(torch.tensor([[1.0, 0.0], [-1.0, 0.0]])).item()
        1.0
    """
    away = (units - units.mean(-2, keepdim=True)).square().sum((-2, -1))
    size = units.square().sum((-2, -1))
    return torch.where(size > 0, away / torch.where(size > 0, size, torch.ones_like(size)), 0.0)


def orbit_distance(
    theta: Float[Tensor, "*batch size"], elements: Float[Tensor, "order rows columns"]
) -> Float[Tensor, "*batch"]:
    """Delta_G = |theta - P theta|^2 / |theta|^2 for any finite group that acts on theta by matrices.

    Args:
        theta: Parameters as one vector.
        elements: All matrices of the group.

    Raises:
        ShapeError: If the matrices do not act on theta.

    Example:
        >>> mirror = torch.stack([torch.eye(2), torch.diag(torch.tensor([1.0, -1.0]))])
        >>> round(orbit_distance(torch.tensor([1.0, 2.0]), mirror).item(), 6)
        0.8
    """
    size = theta.shape[-1]
    if tuple(elements.shape[1:]) != (size, size):
        raise ShapeError("elements", expected=f"(order, {size}, {size})", got=tuple(elements.shape))
    away = theta - theta @ elements.mean(0).mT
    norm = theta.square().sum(-1)
    return torch.where(norm > 0, away.square().sum(-1) / torch.where(norm > 0, norm, torch.ones_like(norm)), 0.0)


def pair_distances(units: Float[Tensor, "*networks units features"]) -> Float[Tensor, "*networks units units"]:
    """|u_j - u_k| / (|u_j| + |u_k|) for every pair, in [0, 1]; 0 for two vanishing units.

    Example:
        >>> pair_distances(torch.tensor([[1.0], [3.0]]))[0, 1].item()
        0.5
    """
    gap = (units[..., :, None, :] - units[..., None, :, :]).norm(dim=-1)
    norm = units.norm(dim=-1)
    both = norm[..., :, None] + norm[..., None, :]
    return torch.where(both > 0, gap / torch.where(both > 0, both, torch.ones_like(both)), 0.0)


def closest_pair(units: Float[Tensor, "*networks units features"]) -> Float[Tensor, "*networks"]:
    """The least distance of two units: 0 as soon as one pair has become equal (partial restoration).

    Raises:
        ArgumentError: If there is one unit only.

    Example:
        >>> closest_pair(torch.tensor([[1.0], [3.0], [3.0]])).item()
        0.0
    """
    count = units.shape[-2]
    if count < 2:
        raise ArgumentError("units", expected="at least two units", got=count)
    apart = pair_distances(units) + 2.0 * torch.eye(count, dtype=units.dtype)
    return apart.amin((-2, -1))


def unit_clusters(
    units: Float[Tensor, "*networks units features"], *, tolerance: float | int = 0.05
) -> Int[Tensor, "*networks"]:
    """The number of clusters of units, joined while a pair is nearer than `tolerance`: the effective width.

    Args:
        units: One row a unit, its incoming and outgoing weights side by side.
        tolerance: Relative distance, see `pair_distances`.

    Raises:
        ArgumentError: If the tolerance is not positive.

    Example:
        >>> unit_clusters(torch.tensor([[1.0], [3.0], [3.1]])).item()
        2
    """
    if tolerance <= 0:
        raise ArgumentError("tolerance", expected="a number > 0", got=tolerance)
    count = units.shape[-2]
    reach = (pair_distances(units) < tolerance) | torch.eye(count, dtype=torch.bool)
    hops = 1
    while hops < count:  # transitive closure by squaring
        reach = (reach.double() @ reach.double()) > 0
        hops *= 2
    label = reach.double().argmax(-1)  # the first unit of one's cluster
    return (label == torch.arange(count)).sum(-1)
