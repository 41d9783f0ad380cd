"""Soft principal components: a trained projection, with a penalty that pulls it to the principal subspace."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from haar.errors import ArgumentError, HaarError, ShapeError, check_count
from haar.nn.precision import check_number, check_numbers, widened
from haar.nn.principal.procrustes import polar_factor


class SoftPCALayer(nn.Module):
    """S = (H - mean) W with a trained W, and the penalty o |W^T W - I|^2 + v (1 - |S|^2 / |H - mean|^2).

    Without another loss the penalty is least where W spans the k principal directions, turned among themselves in any
    way: what follows a soft layer learns together with it, so that no gauge has to be settled from batch to batch.
    With `deflation` the penalty tells the directions apart as well. After every forward pass in training `penalty`
    has the penalty of that batch, to be added to the loss; `principal_penalty` adds up those of a whole network.

    Args:
        in_features: Number of columns of H.
        k: Number of components.
        orthogonality: o, weight of the first term.
        variance: v, weight of the second.
        exact: Whether columns are kept orthonormal (W is the polar factor of the weight); the first term is 0 then.
        deflation: Whether component j's share of the variance counts with the weight 1 - j / (2 k), so that rotations
            inside the subspace are no longer equal; needs `exact`.
        momentum: Weight of a new batch in the running mean.
        generator: Source of the first weight; by default torch's.

    Attributes:
        weight: Before its columns are made orthonormal, ``(in_features, k)``; its first columns are.
        mean: Running mean, ``(in_features,)``, used in evaluation.

    Raises:
        ArgumentError: If an option is out of range.

    Source: after Guo, Cucuringu, Shestopaloff, arXiv 2502.11310, whose abstract has the two terms; the weights are
        ours.

    Example:
        >>> layer = SoftPCALayer(5, 2, generator=torch.Generator().manual_seed(0))
        >>> layer(torch.randn(64, 5)).shape, layer.penalty.ndim
        (torch.Size([64, 2]), 0)
    """

    mean: Tensor

    def __init__(
        self,
        in_features: int,
        k: int,
        *,
        orthogonality: float | int = 1.0,
        variance: float | int = 0.1,
        exact: bool = False,
        deflation: bool = False,
        momentum: float | int = 0.1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_count("k", k)
        check_count("in_features", in_features, least=k)
        check_number("orthogonality", orthogonality)
        check_number("variance", variance)
        if check_number("momentum", float(momentum), positive=True) > 1:
            raise ArgumentError("momentum", expected="above 0, at most 1", got=momentum)
        if deflation and not exact:
            way_out = "columns of other lengths would trade one share for another"
            raise ArgumentError("deflation", expected="exact=True beside it", got="exact=False", way_out=way_out)
        self.in_features, self.k, self.momentum = in_features, k, float(momentum)
        self.orthogonality, self.variance = float(orthogonality), float(variance)
        self.exact, self.deflation = exact, deflation
        self.weight = nn.Parameter(torch.linalg.qr(torch.randn(in_features, k, generator=generator))[0].contiguous())
        self.register_buffer("mean", torch.zeros(in_features))
        self._penalty: Tensor | None = None

    @property
    def directions(self) -> Float[Tensor, "q k"]:
        """W: what centred rows are multiplied with."""
        if not self.exact:
            return self.weight
        return polar_factor(widened(self.weight)).to(self.weight.dtype)

    @property
    def penalty(self) -> Float[Tensor, ""]:
        """Of the last batch in training.

        Raises:
            HaarError: If there was none.
        """
        if self._penalty is None:
            raise HaarError("SoftPCALayer: a penalty needs a forward pass in training, and there was none")
        return self._penalty

    def forward(self, x: Shaped[Tensor, "*rows q"]) -> Float[Tensor, "*rows k"]:
        """Scores.

        Args:
            x: Rows are samples, on all axes but the last.

        Raises:
            ShapeError: If columns do not fit, or a training batch has one row alone.
            ArgumentError: If these are no real floating-point numbers.
        """
        if x.ndim < 1 or x.shape[-1] != self.in_features:
            raise ShapeError("x", expected=f"(*rows, {self.in_features} columns)", got=tuple(x.shape))
        check_numbers(x)
        directions = self.directions
        if not self.training:
            return (x - self.mean.to(x.dtype)) @ directions
        rows = x.reshape(-1, self.in_features)
        if len(rows) < 2:
            raise ShapeError("x", expected="at least 2 rows in training, which are centred", got=len(rows))
        mean = widened(rows).mean(0)
        centred = rows - mean.to(rows.dtype)
        scores = centred @ directions
        self._penalty = self._penalised(scores, centred, directions)
        with torch.no_grad():
            self.mean.lerp_(mean.detach().to(self.mean.dtype), self.momentum)
        return scores.reshape(*x.shape[:-1], self.k)

    def export(self) -> nn.Linear:
        """What the layer does in evaluation, as a plain linear layer."""
        with torch.no_grad():
            directions = self.directions
            linear = nn.Linear(self.in_features, self.k, dtype=self.weight.dtype, device=self.weight.device)
            linear.weight.copy_(directions.mT)
            linear.bias.copy_(-(self.mean @ directions))
        return linear

    def extra_repr(self) -> str:
        """Sizes and weights."""
        said = f"{self.in_features} -> {self.k}, orthogonality={self.orthogonality}, variance={self.variance}"
        return said + ", exact=True" * self.exact + ", deflation=True" * self.deflation

    def _penalised(self, scores: Tensor, centred: Tensor, directions: Tensor) -> Tensor:
        with torch.autocast(scores.device.type, enabled=False):
            scores, centred, directions = widened(scores), widened(centred), widened(directions)
            each = scores.square().sum(0)
            if self.deflation:
                each = each * (1 - torch.arange(self.k).to(each) / (2 * self.k))
            least = torch.finfo(each.dtype).tiny
            lost = 1 - each.sum() / centred.square().sum().clamp(min=least)
            if self.exact or not self.orthogonality:
                return self.variance * lost
            eye = torch.eye(self.k, dtype=directions.dtype, device=directions.device)
            apart = (directions.mT @ directions - eye).square().sum()
            return self.orthogonality * apart + self.variance * lost

    def __getstate__(self) -> dict[str, Any]:
        """Without the last batch's penalty, which belongs to a graph."""
        return {**self.__dict__, "_penalty": None}


def principal_penalty(model: nn.Module) -> Float[Tensor, ""]:
    """The penalties of all soft layers of a network for the last batch, added up.

    Args:
        model: A network with soft layers, after a forward pass in training.

    Raises:
        HaarError: If there is no soft layer, or there was no such pass.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), SoftPCALayer(6, 2), nn.Linear(2, 1))
        >>> loss = model(torch.randn(8, 4)).square().mean() + principal_penalty(model)
        >>> loss.ndim
        0
    """
    found = [layer.penalty for layer in model.modules() if isinstance(layer, SoftPCALayer)]
    if not found:
        raise HaarError("principal_penalty: the network has no SoftPCALayer")
    return torch.stack(found).sum()
