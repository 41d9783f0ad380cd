"""How far a model with small gammas can be from equivariant: proved bounds, where their assumptions hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from haar.groups import FiniteGroup
from haar.relax.wrapping.homotopy_layer import HomotopyLayer

#: Lipschitz constants of activations with sigma(0) = 0.
_LIPSCHITZ: dict[type[nn.Module], float] = {
    nn.Identity: 1.0,
    nn.ReLU: 1.0,
    nn.Tanh: 1.0,
    nn.Softsign: 1.0,
    nn.Hardtanh: 1.0,
    nn.Tanhshrink: 1.0,
    nn.SiLU: 1.0999,  # largest slope, near x = 2.4
    nn.GELU: 1.1290,  # largest slope, at the root of 2
}
#: Groups of at most this order have d_i measured; else it is bounded by twice the norm.
_MOST = 64


@dataclass(frozen=True)
class Bounds:
    """Bounds per unit of ||x||, or why there are none.

    Attributes:
        approximation: ||f_gamma(x) - f_0(x)|| <= approximation ||x||, or None.
        equivariance: ||rho(g) f_gamma(x) - f_gamma(rho(g) x)|| <= equivariance ||x||, or None.
        reason: Why no bound applies; empty if one does.
    """

    approximation: float | None
    equivariance: float | None
    reason: str = ""

    def __str__(self) -> str:
        """In a line."""
        if self.approximation is None or self.equivariance is None:
            return f"no bound applies: {self.reason}"
        return (
            f"per unit of ||x||, the output is within {self.approximation:.4g} of that at gamma = 0, and its symmetry "
            f"is broken by {self.equivariance:.4g} at most"
        )


def uniform_approximation(gamma: float | int, *, B: float | int, M: float | int, L: int) -> float:
    """[sum_k<L (1 + gamma)^k] gamma B M^(L-1): distance to the equivariant model per unit of input.

    Args:
        gamma: The largest |gamma|.
        B: ||f_free(x)|| <= B ||x|| in every layer.
        M: Lipschitz constant of both branches of every layer.
        L: Number of layers.

    Example:
        >>> round(uniform_approximation(0.3, B=1.3, M=1.3, L=5), 4)
        10.0729

    Source: arXiv 2505.13631, Theorem 4.1.
    """
    return float(sum((1 + gamma) ** k for k in range(L)) * gamma * B * M ** (L - 1))


def uniform_equivariance(gamma: float | int, *, B: float | int, M: float | int, C: float | int, L: int) -> float:
    """2 gamma (M + C gamma)^(L-1) L B^2: the defect per unit of input.

    Args:
        gamma: The largest |gamma|.
        B: Norm of the representations, and ||f_free(x)|| <= B ||x||.
        M: Lipschitz constant of the equivariant branches.
        C: Lipschitz constant of the free branches.
        L: Number of layers.

    Source: arXiv 2505.13631, Theorem 4.2.
    """
    return float(2 * gamma * (M + C * gamma) ** (L - 1) * L * B**2)


def bounds(model: Any) -> Bounds:
    """Layer-by-layer bounds of a wrapped model: dense layers without biases, activations with sigma(0) = 0.

    With m, c, d the spectral norms of a layer's equivariant weight, its free weight and the latter's change under the
    group (each times the Lipschitz constant of the activation behind it) the distance to gamma = 0 is at most
    sum_i [prod_j>i m_j] |gamma_i| c_i [prod_j<i (m_j + |gamma_j| c_j)], and the defect at most
    sum_i [prod_j>i (m_j + |gamma_j| c_j)] |gamma_i| d_i [prod_j<i (m_j + |gamma_j| c_j)].

    Args:
        model: A wrapped model.

    Returns:
        The bounds, or the reason why none applies: a bias, a normalisation, a convolution, a structure other than a
        chain.
    """
    inner = getattr(model, "model", None)
    chain = [inner] if isinstance(inner, HomotopyLayer) else list(inner) if isinstance(inner, nn.Sequential) else None
    if chain is None:
        return Bounds(None, None, "the model is no chain of layers")
    norms = _chained(chain)
    if isinstance(norms, str):
        return Bounds(None, None, norms)
    approximation = equivariance = 0.0
    for i, (_, moved, changed) in enumerate(norms):
        before = math.prod(m + c for m, c, _ in norms[:i])
        approximation += math.prod(m for m, _, _ in norms[i + 1 :]) * moved * before
        equivariance += math.prod(m + c for m, c, _ in norms[i + 1 :]) * changed * before
    return Bounds(approximation, equivariance)


def _chained(chain: Sequence[nn.Module]) -> list[list[float]] | str:
    """The norms of every layer with the activation behind it, or why the bounds do not apply."""
    norms: list[list[float]] = []
    for part in chain:
        if isinstance(part, HomotopyLayer) and isinstance(part, nn.Linear):
            if part.bias is not None:
                return "a layer has a bias"
            norms.append(_norms(part))
        elif type(part) not in _LIPSCHITZ:
            return f"{type(part).__name__} is not covered by the proof"
        elif norms:
            norms[-1] = [value * _LIPSCHITZ[type(part)] for value in norms[-1]]
        elif _LIPSCHITZ[type(part)] > 1:
            return "an activation comes before the first layer"
    return norms or "there is no wrapped layer"


def _norms(layer: HomotopyLayer) -> list[float]:
    """m, |gamma| c and |gamma| d."""
    with torch.no_grad():
        equivariant = layer.equivariant_weight().double()
        moved = layer.effective_weight().double() - equivariant
        group = layer.group
        if isinstance(group, FiniteGroup) and group.order <= _MOST:
            copies = moved.expand(group.order, *moved.shape)
            changed = float(_spectral(layer.move(group.elements(), copies) - moved).max())
        else:
            changed = 2 * float(_spectral(moved))
        return [float(_spectral(equivariant)), float(_spectral(moved)), changed]


def _spectral(matrices: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.matrix_norm(matrices, ord=2)
    return norm
