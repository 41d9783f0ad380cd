"""A small mixture of experts behind a trunk that two networks may share."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError, check_count
from haar.weights.action import ParameterAction
from haar.weights.experts import Experts
from haar.weights.labels import Label

_EPS = 1e-6
_ROWS: Mapping[str, tuple[Label, ...]] = {
    "gate.weight": ("experts+", None),
    "gate.bias": ("experts+",),
    "up": ("experts", "experts.units", None),
    "up_bias": ("experts", "experts.units"),
    "down": ("experts", None, "experts.units*"),
    "down_bias": ("experts", None),
    "trunk.weight": (None, None),
    "trunk.bias": (None,),
    "head.weight": (None, None),
    "head.bias": (None,),
}


class SmallMixture(nn.Module):
    """A trunk, ReLU experts that add to what it gives, weighted by a softmax of gates, and a head.

    Args:
        into: Number of inputs.
        out: Number of outputs.
        dim: Coordinates between trunk and head.
        experts: Number of experts.
        units: Hidden units of each.
        chosen: Experts with the greatest gates that count, all of them by default.

    Attributes:
        action: How orders of experts and units, and translations of the gates, act on its parameters.

    Raises:
        ArgumentError: If a number is out of range.

    Example:
        >>> SmallMixture(4, 2, dim=3, experts=2, units=5)(torch.zeros(7, 4)).shape
        torch.Size([7, 2])
    """

    def __init__(self, into: int, out: int, *, dim: int, experts: int, units: int, chosen: int | None = None) -> None:
        super().__init__()
        check_count("experts", experts)
        check_count("units", units)
        self.chosen = experts if chosen is None else chosen
        if not 1 <= self.chosen <= experts:
            raise ArgumentError("chosen", expected=f"1 .. {experts}", got=chosen)
        self.trunk, self.head, self.gate = nn.Linear(into, dim), nn.Linear(dim, out), nn.Linear(dim, experts)
        self.up = nn.Parameter(torch.randn(experts, units, dim) * (2 / dim) ** 0.5)
        self.up_bias = nn.Parameter(torch.zeros(experts, units))
        self.down = nn.Parameter(torch.randn(experts, dim, units) * units**-0.5)
        self.down_bias = nn.Parameter(torch.zeros(experts, dim))

    @property
    def action(self) -> ParameterAction:
        """How orders of experts and units, and translations of the gates, act on its parameters."""
        count, units = self.up_bias.shape
        return ParameterAction({"experts": Experts(count, units)}, _ROWS)

    def forward(self, x: Float[Tensor, "batch into"]) -> Float[Tensor, "batch out"]:
        """The outputs."""
        h = self.trunk(x)
        z = _normed(h)
        scores = self.gate(z)
        least = scores.topk(self.chosen, -1).values[..., -1:]
        shares = scores.masked_fill(scores < least, float("-inf")).softmax(-1)
        units = (torch.einsum("eud,bd->beu", self.up, z) + self.up_bias).relu()
        said = torch.einsum("edu,beu->bed", self.down, units) + self.down_bias
        outputs: Tensor = self.head(_normed(h + (shares[..., None] * said).sum(-2)))
        return outputs


def _normed(x: Tensor) -> Tensor:
    """Coordinates of mean square 1."""
    return x * (x.square().mean(-1, keepdim=True) + _EPS).rsqrt()
