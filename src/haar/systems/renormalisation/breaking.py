r"""Breaking and restoration of the parameter symmetry S_h that exchanges hidden units.

A loss is G-symmetric in the parameters if l(theta) = l(g theta); theta itself is symmetric if g theta = theta. The
distance from symmetry is Delta_G = |theta - P theta|^2 / |theta|^2 with P the average over G (the Reynolds operator).
For the units of a layer, with u_j = (incoming weights, bias, outgoing weights), P replaces every u_j by their mean.

Source: Ziyin et al., arXiv 2502.05300 and 2309.16932 (the idea); this definition of the distance is our own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from haar.errors import ArgumentError, ShapeError
from haar.systems.renormalisation.ensemble import Ensemble
from haar.systems.renormalisation.families import AffineLayer


def hidden_units(model: nn.Module, layer: int = 0) -> Float[Tensor, "networks units features"]:
    """The vectors u_j = (incoming weights, bias, outgoing weights) of the units of one hidden layer.

    Args:
        model: An `Ensemble` (one row of units a network), or a module whose linear layers follow one another.
        layer: Which hidden layer.

    Raises:
        ArgumentError: If there is no such hidden layer.

    Example:
        >>> hidden_units(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))).shape
        torch.Size([1, 8, 6])
    """
    found: Sequence[AffineLayer]
    if isinstance(model, Ensemble):
        found = model.layers()
    else:
        linear = [part for part in model.modules() if isinstance(part, nn.Linear)]
        found = [AffineLayer(part.weight[None], None if part.bias is None else part.bias[None]) for part in linear]
    if not 0 <= layer < len(found) - 1:
        raise ArgumentError("layer", expected=f"a hidden layer, 0 to {len(found) - 2}", got=layer)
    here, after = found[layer], found[layer + 1]
    if after.weight.shape[-1] != here.weight.shape[-2]:
        raise ArgumentError("model", expected="linear layers that follow one another", got="sizes that do not fit")
    bias = [] if here.bias is None else [here.bias[..., None]]
    return torch.cat([here.weight, *bias, after.weight.mT], -1).detach()


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
        theta: Parameters.
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
        units: From `hidden_units`.
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


class BreakingLog:
    """An observer of `fit` that logs Delta, the closest pair and the clusters of units.

    Args:
        every: Steps between entries.
        layer: Which hidden layer.

    Attributes:
        steps: At which steps.
        distance: Delta of every network, one tensor an entry.
        closest: Least distance of two units.
        clusters: Number of clusters.
        losses: Mean squared errors.

    Raises:
        ArgumentError: If `every` < 1.

    Example:
        >>> BreakingLog(every=10).steps
        []
    """

    def __init__(self, *, every: int = 10, layer: int = 0) -> None:
        if every < 1:
            raise ArgumentError("every", expected="at least 1", got=every)
        self.every, self.layer = every, layer
        self.steps: list[int] = []
        self.distance: list[Tensor] = []
        self.closest: list[Tensor] = []
        self.clusters: list[Tensor] = []
        self.losses: list[Tensor] = []

    def __call__(self, step: int, model: nn.Module, losses: Float[Tensor, "networks"]) -> None:
        """Log this step, if it is due."""
        if step % self.every:
            return
        materialise = getattr(model, "shifted", None)  # a StaticBias shows the parameters that the network runs with
        units = hidden_units(materialise() if materialise else model, self.layer)
        self.steps.append(step)
        self.distance.append(breaking_distance(units))
        self.closest.append(closest_pair(units))
        self.clusters.append(unit_clusters(units))
        self.losses.append(losses)
