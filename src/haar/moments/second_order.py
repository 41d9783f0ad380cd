"""Order 1 and order 2: what an elementwise activation does to mean and covariance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.moments.activation import Activation
from haar.moments.pairs import all_pairs
from haar.moments.vector import VectorCumulants


@dataclass(frozen=True)
class Step:
    """The cumulants after an activation, and how the pair covariances were made.

    Args:
        cumulants: Cumulants of the whole vector after the activation.
        mehler_order: Where Mehler's series was cut; 0 if it was not used.
        closed_pairs: Pairs that took the closed form.
        bound: Rigorous bound on the cut, relative to the product of the standard deviations.
        damped: Units whose third and fourth cumulants were made smaller, for their series would diverge.
    """

    cumulants: VectorCumulants
    mehler_order: int = 0
    closed_pairs: int = 0
    bound: float = 0.0
    damped: int = 0


def linearised(activation: Activation, before: VectorCumulants, part: slice) -> Step:
    """Order 1: mean f(mu), covariance J S J^T; the baseline.

    Args:
        activation: The function that acts on the part.
        before: Cumulants of the whole vector.
        part: The components it acts on; the others pass.

    Example:
        >>> from haar.moments.closed_forms import Sine
        >>> before = VectorCumulants(torch.zeros(1, dtype=torch.float64), torch.eye(1, dtype=torch.float64))
        >>> linearised(Sine(), before, slice(0, 1)).cumulants.cov.item()
        1.0
    """
    at = before.mean[..., part]
    with torch.enable_grad():
        probe = at if at.requires_grad else at.detach().requires_grad_()
        value = activation(probe)
        (slope,) = torch.autograd.grad(value.sum(), probe, create_graph=at.requires_grad)
    gain = torch.slice_scatter(torch.ones_like(before.mean), slope, -1, part.start, part.stop)
    mean = torch.slice_scatter(before.mean, value if at.requires_grad else value.detach(), -1, part.start, part.stop)
    return Step(VectorCumulants(mean, before.cov * gain[..., :, None] * gain[..., None, :]))


def gaussian(activation: Activation, before: VectorCumulants, part: slice, tolerance: float) -> Step:
    """Order 2: exact mean and covariance of (x, f(z)) if the vector before is normal.

    The cross block is Stein's lemma, Cov(x, f(z)) = Cov(x, z) E f'(z).

    Args:
        activation: The function that acts on the part.
        before: Cumulants of the whole vector; third ones are ignored.
        part: The components it acts on; the others pass.
        tolerance: Relative accuracy asked of Mehler's series.

    Example:
        >>> from haar.moments.closed_forms import Polynomial
        >>> before = VectorCumulants(torch.zeros(1, dtype=torch.float64), torch.eye(1, dtype=torch.float64))
        >>> gaussian(Polynomial((0.0, 0.0, 1.0)), before, slice(0, 1), 1e-12).cumulants.cov.item()
        2.0...
    """
    inner = before.select(part) if before.size != part.stop - part.start else before
    sd = inner.sd()
    pairs = all_pairs(activation, inner.mean, sd, inner.correlation(), tolerance=tolerance)
    level, slope = pairs.coefficients[..., 0], pairs.coefficients[..., 1] * inner.inverse_sd()
    if inner is before:
        return Step(VectorCumulants(level, pairs.covariance), pairs.order, pairs.closed_pairs, pairs.bound)
    mean = torch.slice_scatter(before.mean, level, -1, part.start, part.stop)
    gain = torch.slice_scatter(torch.ones_like(before.mean), slope, -1, part.start, part.stop)
    cov = place(before.cov * gain[..., :, None] * gain[..., None, :], pairs.covariance, part)
    return Step(VectorCumulants(mean, cov), pairs.order, pairs.closed_pairs, pairs.bound)


def place(
    matrix: Float[Tensor, "*batch units units"], block: Float[Tensor, "*batch part part"], part: slice
) -> Float[Tensor, "*batch units units"]:
    """The matrix with a diagonal block replaced.

    Example:
        >>> place(torch.zeros(2, 2), torch.ones(1, 1), slice(1, 2)).tolist()
        [[0.0, 0.0], [0.0, 1.0]]
    """
    rows = torch.slice_scatter(matrix[..., part, :], block, -1, part.start, part.stop)
    return torch.slice_scatter(matrix, rows, -2, part.start, part.stop)


def diagonal(activation: Activation, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of every unit alone: what the diagonal back-end carries.

    Example:
        >>> from haar.moments.closed_forms import Polynomial
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> [float(x) for x in diagonal(Polynomial((0.0, 2.0)), one, one)]
        [2.0, 4.0]
    """
    moves = variance > 0
    sd = torch.where(moves, torch.where(moves, variance, torch.ones_like(variance)).sqrt(), 0.0)
    return activation.hermite(mean, sd, 0)[..., 0], activation.variance(mean, sd)
