"""Covariances of f(x_i), f(x_j) for all pairs of jointly normal units."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.moments.activation import Activation, NormalPair
from haar.moments.mehler import mehler, mehler_tail, symmetric_mehler

_ORDERS = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128)
_FIRST = 16  # so many orders are computed before it is known how many are needed
_CLOSED_COST = 2000.0  # one closed form costs about as much as this many Mehler terms


@dataclass(frozen=True)
class PairCovariance:
    """All pair covariances of one activation, with the error of the truncation.

    Args:
        covariance: Off-diagonal by Mehler or closed form, diagonal exact variances.
        coefficients: Normalised Hermite coefficients that were used.
        order: Where Mehler's series was cut.
        closed_pairs: Number of pairs took the closed form.
        bound: Rigorous bound of the cut, the largest over the pairs, relative to the product of the two standard
            deviations.

    Example:
        >>> from haar.moments.closed_forms import Sine
        >>> one = torch.ones(2, dtype=torch.float64)
        >>> all_pairs(Sine(), 0 * one, one, torch.eye(2, dtype=torch.float64)).bound
        0.0
    """

    covariance: Float[Tensor, "*batch units units"]
    coefficients: Float[Tensor, "*batch units terms"]
    order: int
    closed_pairs: int
    bound: float


def all_pairs(
    activation: Activation,
    mean: Float[Tensor, "*batch units"],
    sd: Float[Tensor, "*batch units"],
    rho: Float[Tensor, "*batch units units"],
    *,
    tolerance: float = 1e-12,
    known: Float[Tensor, "*batch units terms"] | None = None,
) -> PairCovariance:
    """Covariance matrix of f(x), x normal with the given means, standard deviations and correlations.

    The order of Mehler's series is the one that makes the whole cheapest: pairs whose rigorous bound is still above
    `tolerance` take the closed form where there is one; where there is none the series is continued to order 128 and
    the bound that remains is returned.

    Args:
        activation: The function f of every unit.
        mean: Means of all units, float64.
        sd: Standard deviations of all units.
        rho: Correlations in [-1, 1].
        tolerance: Accepted truncation error relative to the standard deviations of f.
        known: Normalised Hermite coefficients of f, where they were computed already.

    Example:
        >>> from haar.moments.piecewise_linear import PiecewiseLinear
        >>> one, rho = torch.ones(2, dtype=torch.float64), torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64)
        >>> found = all_pairs(PiecewiseLinear((0.0,), (1.0,), name="relu"), 0 * one, one, rho)
        >>> round(float(found.covariance[0, 1]), 6)  # the arc-cosine kernel
        0.295614
    """
    variance = activation.variance(mean, sd)
    if activation.prefers_pairs:
        exact = activation.covariance(NormalPair(*_spread(mean, sd), rho))
        if exact is not None:
            coefficients = activation.hermite(mean, sd, _ORDERS[0])
            return PairCovariance(_with_diagonal(exact, variance), coefficients, 0, rho[..., 0].numel(), 0.0)
    if activation.degree is not None:
        coefficients = activation.hermite(mean, sd, activation.degree)
        covariance = mehler(rho, coefficients, coefficients)
        return PairCovariance(_with_diagonal(covariance, variance), coefficients, activation.degree, 0, 0.0)
    if known is None:
        known = activation.hermite(mean, sd, _FIRST)
    return _series(activation, mean, sd, rho, variance=variance, known=known, tolerance=tolerance)


@dataclass(frozen=True)
class _Plan:
    """Where Mehler's series is cut, and which pairs take the closed form."""

    coefficients: Tensor
    order: int
    limit: float
    closed_form: bool


def _plan(
    activation: Activation,
    mean: Tensor,
    sd: Tensor,
    *,
    variance: Tensor,
    size: Tensor,
    coefficients: Tensor,
    tolerance: float,
) -> _Plan:
    """Choose the cheapest order; `size` holds the |rho| of all pairs that are asked for."""
    closed_form = type(activation).covariance is not Activation.covariance
    largest = float(size.max()) if size.numel() else 0.0
    best: tuple[float, int, float] | None = None
    for order in _ORDERS:
        if order >= coefficients.shape[-1]:
            coefficients = activation.hermite(mean, sd, min(2 * order, _ORDERS[-1]))
        limit = _reach(variance, coefficients, order, tolerance)
        left_over = _count_above(size, limit) if limit < largest else 0.0
        cost = order * size.numel() + _CLOSED_COST * left_over
        if not closed_form or best is None or cost < best[0]:
            best = (cost, order, limit)
        if left_over == 0.0:
            break
    _, order, limit = best or (0.0, _ORDERS[-1], 0.0)
    return _Plan(coefficients[..., : order + 1], order, limit, closed_form and limit < largest)


def _series(
    activation: Activation, mean: Tensor, sd: Tensor, rho: Tensor, *, variance: Tensor, known: Tensor, tolerance: float
) -> PairCovariance:
    size = rho.detach().abs()
    size.diagonal(dim1=-2, dim2=-1).zero_()
    plan = _plan(activation, mean, sd, variance=variance, size=size, coefficients=known, tolerance=tolerance)
    kept, order = plan.coefficients, plan.order
    covariance = symmetric_mehler(rho, kept)
    if plan.closed_form:
        covariance, closed = _replace(activation, mean, sd, rho=rho, covariance=covariance, beyond=size > plan.limit)
        return PairCovariance(_with_diagonal(covariance, variance), kept, order, closed, tolerance)
    relative = _relative_tail(variance, kept, order).sqrt()
    bound = _worst(size, relative, order, tolerance)
    return PairCovariance(_with_diagonal(covariance, variance), kept, order, 0, bound)


def cross_pairs(
    activation: Activation,
    mean: Float[Tensor, "sites units"],
    sd: Float[Tensor, "sites units"],
    *,
    left: Int[Tensor, "blocks"],
    right: Int[Tensor, "blocks"],
    rho: Float[Tensor, "blocks units units"],
    tolerance: float = 1e-12,
) -> tuple[Float[Tensor, "blocks units units"], float]:
    """Covariance blocks of f between the units of two different sites, for many pairs of sites at once.

    Args:
        activation: The function f of every unit.
        mean: Means of the units of every site, float64.
        sd: Standard deviations of the units of every site.
        left: First site of every block.
        right: Second site of every block.
        rho: Correlations of the block.
        tolerance: Accepted truncation error relative to the standard deviations of f.

    Returns:
        The blocks, and the rigorous relative bound on what was cut.

    Example:
        >>> from haar.moments.closed_forms import Polynomial
        >>> one, site = torch.ones(1, 1, dtype=torch.float64), torch.tensor([0])
        >>> blocks, bound = cross_pairs(
        ...     Polynomial((0.0, 0.0, 1.0)), 0 * one, one, left=site, right=site, rho=0.5 * one[None]
        ... )
        >>> round(blocks.item(), 12)
        0.5
    """
    variance = activation.variance(mean, sd)
    size = rho.detach().abs()
    if activation.degree is not None:
        coefficients = activation.hermite(mean, sd, activation.degree)
        return mehler(rho, coefficients[left], coefficients[right]), 0.0
    known = activation.hermite(mean, sd, _FIRST)
    plan = _plan(activation, mean, sd, variance=variance, size=size, coefficients=known, tolerance=tolerance)
    blocks = mehler(rho, plan.coefficients[left], plan.coefficients[right])
    if plan.closed_form:
        block, row, column = (size > plan.limit).nonzero(as_tuple=True)
        first, second = (left[block], row), (right[block], column)
        at = (block, row, column)
        exact = activation.covariance(NormalPair(mean[first], sd[first], mean[second], sd[second], rho[at]))
        return (blocks if exact is None else blocks.index_put(at, exact)), tolerance
    tail = _relative_tail(variance, plan.coefficients, plan.order).sqrt()
    worst = size.pow(plan.order + 1) * tail[left][..., :, None] * tail[right][..., None, :]
    return blocks, float(worst.max()) if worst.numel() else 0.0


def _count_above(size: Tensor, limit: float) -> float:
    """Roughly how many unordered pairs lie above a limit: of many rows only every eighth is looked at."""
    step = 8 if size.shape[-2] >= 256 else 1
    return max(float((size[..., ::step, :] > limit).sum()) * step / 2, 0.5)


def _worst(size: Tensor, relative: Tensor, order: int, tolerance: float) -> float:
    """The largest relative bound over the pairs; a looser one that is just as rigorous where that is small enough."""
    if not size.numel():
        return 0.0
    loose = float(size.max()) ** (order + 1) * float(relative.max()) ** 2
    if loose <= tolerance:
        return loose
    return float((size.pow(order + 1) * relative[..., :, None] * relative[..., None, :]).max())


def _relative_tail(variance: Tensor, coefficients: Tensor, order: int) -> Tensor:
    tail, variance = mehler_tail(variance, coefficients, order).detach(), variance.detach()
    return torch.where(variance > 0, tail / torch.where(variance > 0, variance, torch.ones_like(variance)), 0.0)


def _reach(variance: Tensor, coefficients: Tensor, order: int, tolerance: float) -> float:
    """The largest |rho| at which the truncation is within tolerance for every pair."""
    share = float(_relative_tail(variance, coefficients, order).max()) if variance.numel() else 0.0
    # Rounding leaves a tail of 1e-16 where the series has converged: it is no truncation error.
    return 1.0 if share <= tolerance else (tolerance / share) ** (1.0 / (order + 1))


def _replace(
    activation: Activation, mean: Tensor, sd: Tensor, *, rho: Tensor, covariance: Tensor, beyond: Tensor
) -> tuple[Tensor, int]:
    """Put closed forms where the mask says, computed once per unordered pair."""
    *batch, row, column = torch.triu(beyond, 1).nonzero(as_tuple=True)
    at_row, at_column = (*batch, row), (*batch, column)
    pair = NormalPair(mean[at_row], sd[at_row], mean[at_column], sd[at_column], rho[*batch, row, column])
    exact = activation.covariance(pair)
    if exact is None:
        return covariance, 0
    covariance = covariance.index_put((*batch, row, column), exact)
    return covariance.index_put((*batch, column, row), exact), int(row.numel())


def _spread(mean: Tensor, sd: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    shape = (*mean.shape, mean.shape[-1])
    rows = mean[..., :, None].expand(shape), sd[..., :, None].expand(shape)
    return *rows, mean[..., None, :].expand(shape), sd[..., None, :].expand(shape)


def _with_diagonal(covariance: Tensor, variance: Tensor) -> Tensor:
    if torch.is_grad_enabled() and (covariance.requires_grad or variance.requires_grad):
        return torch.diagonal_scatter(covariance, variance, dim1=-2, dim2=-1)
    covariance.diagonal(dim1=-2, dim2=-1).copy_(variance)
    return covariance
