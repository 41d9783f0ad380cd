"""Networks that alternate factors and nonlinear maps: the encoders of the family and what they give to a head."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.nn.principal import PCALayer, SoftPCALayer
from haar.statistics import least_squares
from haar.systems.factor_networks.heads import AdditiveHead, drawn_linear, perceptron


class FixedFactors(nn.Module):
    """Scores on a frame that training does not move, in units of the largest one's standard deviation.

    Args:
        layer: A fitted layer. It stays in evaluation.
    """

    scale: Tensor

    def __init__(self, layer: PCALayer) -> None:
        super().__init__()
        self.layer = layer.eval()
        self.register_buffer("scale", torch.ones((), dtype=layer.reference.dtype))
        self.renew()

    @torch.no_grad()
    def renew(self) -> None:
        """Take the unit from the layer again, after it was fitted anew."""
        top = torch.linalg.eigvalsh(self.layer.covariance)[-1]
        self.scale.copy_(top.clamp(min=torch.finfo(top.dtype).tiny).rsqrt())

    def train(self, mode: bool = True) -> FixedFactors:  # noqa: FBT001, FBT002 (torch's signature)
        """The layer stays in evaluation."""
        super().train(mode)
        self.layer.eval()
        return self

    def forward(self, x: Float[Tensor, "b p"]) -> Float[Tensor, "b k"]:
        """Scores."""
        return self.layer(x) * self.scale  # type: ignore[no-any-return]


class SparseThroughput(nn.Module):
    """Factors, and beside them a few columns of what the factors do not explain: (x - F R) Theta, Theta sparse.

    Theta has the clipped penalty lambda sum min(|Theta| / tau, 1), which counts the entries that are not small once
    tau is.

    Args:
        factors: Gives the factors.
        rows: Training rows: R is least squares of their columns on their factors, and lambda = 1.3 log(p) / rows.
        width: Columns of Theta.
        generator: Source of the first Theta; by default torch's.

    Source: Fan and Gu, JASA 119 (2024), FAST-NN, and their code for lambda and tau.
    """

    mean: Tensor
    regression: Tensor

    def __init__(
        self,
        factors: nn.Module,
        rows: Float[Tensor, "n p"],
        width: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.factors = factors
        self.register_buffer("regression", rows.new_zeros(0))
        self.register_buffer("mean", rows.new_zeros(0))
        columns = rows.shape[1]
        bound = columns**-0.5
        self.theta = nn.Parameter(torch.empty(columns, width).uniform_(-bound, bound, generator=generator))
        self.threshold = FIRST_THRESHOLD
        self.renew(rows)

    @torch.no_grad()
    def renew(self, rows: Float[Tensor, "n p"]) -> None:
        """Take R, the mean and lambda from other rows."""
        self.mean = rows.mean(0)
        self.regression = least_squares(self.factors(rows), rows - self.mean)
        self.weight = 1.3 * math.log(rows.shape[1]) / len(rows)

    def forward(self, x: Float[Tensor, "b p"]) -> Float[Tensor, "b out"]:
        """Factors, then the sparse part of the rest."""
        f = self.factors(x)
        return torch.cat([f, (x - self.mean - f @ self.regression) @ self.theta], -1)

    def anneal(self, share: float) -> None:
        """Set tau for a share of the training."""
        self.threshold = FIRST_THRESHOLD + share * (LAST_THRESHOLD - FIRST_THRESHOLD)

    @property
    def penalty(self) -> Float[Tensor, ""]:
        """lambda sum min(|Theta| / tau, 1)."""
        return self.weight * (self.theta.abs() / self.threshold).clamp(max=1).sum()

    @property
    def selected(self) -> Tensor:
        """Which columns have an entry of at least tau."""
        return (self.theta.detach().abs() >= self.threshold).any(-1)


#: tau falls between these in the published code.
FIRST_THRESHOLD, LAST_THRESHOLD = 0.1, 0.005


class FactorNetwork(nn.Module):
    """An encoder, then a head; the observed columns go beside the factors where they are wanted too.

    Args:
        encoder: From columns to factors.
        head: From factors to one number.
        observed: Whether the head sees the columns as well.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, *, observed: bool = False) -> None:
        super().__init__()
        self.encoder, self.head, self.observed = encoder, head, observed

    def forward(self, x: Float[Tensor, "b p"]) -> Float[Tensor, " b"]:
        """One number a row."""
        f = self.encoder(x)
        found: Tensor = self.head(torch.cat([f, x], -1) if self.observed else f)
        return found.squeeze(-1)

    def penalty(self) -> Tensor | float:
        """What the encoder adds to the loss for the last batch."""
        return sum((m.penalty for m in self.modules() if isinstance(m, (SoftPCALayer, SparseThroughput))), 0.0)


def soft_encoder(
    columns: int,
    k: int,
    before: Sequence[int] = (),
    *,
    generator: torch.Generator | None = None,
    orthogonality: float = 1.0,
    variance: float = 0.1,
) -> nn.Module:
    """A soft layer on the columns, or after hidden layers.

    Args:
        columns: Number of columns.
        k: Number of factors.
        before: Hidden units of the layers before it.
        generator: Source of the first weights.
        orthogonality: Weight of the first term of the penalty; both at 0 make it a plain bottleneck.
        variance: Weight of the second.
    """
    layers: list[nn.Module] = []
    for units in before:
        layers += [drawn_linear(columns, units, generator), nn.ReLU()]
        columns = units
    soft = SoftPCALayer(columns, k, orthogonality=orthogonality, variance=variance, generator=generator)
    return nn.Sequential(*layers, soft)


def head_of(kind: str, inputs: int, hidden: Sequence[int], generator: torch.Generator | None = None) -> nn.Module:
    """A perceptron, or one for each factor.

    Args:
        kind: ``"mlp"`` or ``"additive"``.
        inputs: Number of factors.
        hidden: Hidden units of each layer.
        generator: Source of the first weights.
    """
    if kind == "additive":
        return AdditiveHead(inputs, hidden, generator)
    return perceptron((inputs, *hidden, 1), generator)
