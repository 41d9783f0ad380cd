r"""Breaking and restoration of the parameter symmetry S_h that exchanges hidden units.

The units of a layer are u_j = (incoming weights, bias, outgoing weights); their distances are those of `haar.weights`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.systems.renormalisation.ensemble import Ensemble
from haar.systems.renormalisation.families import AffineLayer
from haar.weights import breaking_distance, closest_pair, unit_clusters


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
