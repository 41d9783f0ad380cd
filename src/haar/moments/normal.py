"""The normal law: density, distribution function, Hermite functions, and the bivariate distribution function."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

#: Standard deviations from the mean that stand for infinity: the density there is 0, and powers of it are finite.
FAR = 1e8

_NODES = 64
_NODES_NEAR_ONE = 96
_NEAR_ONE = 0.9995
_GRADING = 3
_CHUNK = 2048
_FAR = 1e6  # thresholds beyond which the density underflows anyway


def pdf(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Standard normal density.

    Example:
        >>> float(pdf(torch.zeros(()))) * (2 * math.pi) ** 0.5
        1.0...
    """
    return torch.exp(-0.5 * x.square()) / math.sqrt(2.0 * math.pi)


def cdf(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Standard normal distribution function.

    Example:
        >>> float(cdf(torch.zeros(())))
        0.5
    """
    found: Tensor = torch.special.ndtr(x)
    return found


def hermite_polynomials(
    x: Float[Tensor, "*shape"], order: int, start: Float[Tensor, "*shape"] | None = None
) -> list[Float[Tensor, "*shape"]]:
    r"""Normalised Hermite polynomials He_k(x) / sqrt(k!), k = 0..order, times an optional weight.

    The weight multiplies the first two terms of the recurrence, so that He_k(x) phi(x) neither overflows nor becomes
    0 * inf for x far out.

    Args:
        x: Where to evaluate.
        order: Highest degree that is evaluated.
        start: Weight that multiplies every polynomial, default 1.

    Example:
        >>> [round(float(p), 6) for p in hermite_polynomials(torch.tensor(2.0, dtype=torch.float64), 3)]
        [1.0, 2.0, 2.12132, 0.816497]
    """
    previous = torch.ones_like(x) if start is None else start
    found = [previous]
    if order == 0:
        return found
    current = x * previous
    found.append(current)
    for k in range(1, order):
        down, up = -math.sqrt(k / (k + 1)), 1.0 / math.sqrt(k + 1)
        previous, current = current, torch.addcmul(down * previous, x, current, value=up)
        found.append(current)
    return found


@functools.cache
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1.0) / 2.0, weights / 2.0


def legendre(count: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Gauss-Legendre nodes and weights on [0, 1], in the dtype and on the device of `like`.

    Example:
        >>> nodes, weights = legendre(3, torch.zeros((), dtype=torch.float64))
        >>> round(float((weights * nodes**5).sum()), 12)
        0.166666666667
    """
    nodes, weights = _legendre(count)
    return torch.as_tensor(nodes).to(like), torch.as_tensor(weights).to(like)


def price_integral(
    h: Float[Tensor, "*shape"], k: Float[Tensor, "*shape"], rho: Float[Tensor, "*shape"], weight: int
) -> Float[Tensor, "*shape"]:
    r"""Integral_0^rho (rho - u)^weight phi2(h, k; u) du, weight 0 or 1, with phi2 the bivariate normal density.

    By Price's theorem this is Phi2(h, k; rho) - Phi(h) Phi(k) for weight 0 and
    Cov(relu(h + x), relu(k + y)) - rho Phi(h) Phi(k) for weight 1, without the cancellation of the product form. Up to
    ``|rho| = 0.9995`` the substitution u = sin(theta) makes the integrand smooth; beyond it the integral is taken
    from the known limit at ``|rho| = 1`` backwards, with nodes graded towards the limit.

    Args:
        h: First standardised threshold, float64.
        k: Second standardised threshold.
        rho: Correlation, in [-1, 1].
        weight: 0 or 1.

    Source: Price (1958); for weight 0, Drezner and Wesolowsky (1990).

    Example:
        >>> zero, rho = torch.zeros((), dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64)
        >>> round(float(price_integral(zero, zero, rho, 0)) * 12, 12)  # asin(1/2) / (2 pi)
        1.0
    """
    h, k, rho = torch.broadcast_tensors(h, k, rho)
    shape = rho.shape
    flat = [x.reshape(-1).split(_CHUNK) for x in (h.clamp(-_FAR, _FAR), k.clamp(-_FAR, _FAR), rho)]
    values = [_price_chunk(a, b, r, weight) for a, b, r in zip(*flat, strict=True)]
    return torch.cat(values).reshape(shape) if values else torch.zeros_like(rho)


def _price_chunk(h: Tensor, k: Tensor, rho: Tensor, weight: int) -> Tensor:
    near = rho.abs() > _NEAR_ONE
    value = _from_zero(h, k, torch.where(near, torch.zeros_like(rho), rho), weight)
    if bool(near.any()):
        outer = torch.where(near, rho, torch.ones_like(rho))
        value = torch.where(near, _from_one(h, k, outer, weight), value)
    return value


def _from_zero(h: Tensor, k: Tensor, rho: Tensor, weight: int) -> Tensor:
    nodes, weights = legendre(_NODES, rho)
    angle = torch.asin(rho)
    sine = torch.sin(angle[:, None] * nodes)
    squares, product = h.square() + k.square(), 2.0 * h * k
    terms = torch.exp((product[:, None] * sine - squares[:, None]) / (2.0 * (1.0 - sine.square())))
    if weight:
        terms = terms * (rho[:, None] - sine)
    return (terms @ weights) * angle / (2.0 * math.pi)


def _from_one(h: Tensor, k: Tensor, rho: Tensor, weight: int) -> Tensor:
    """From the limit at +-1; relu(y) = y + relu(-y) and Phi2(h, k; r) = Phi(h) - Phi2(h, -k; -r) move the sign to k."""
    sign = torch.where(rho < 0, -torch.ones_like(rho), torch.ones_like(rho))
    positive = _from_plus_one(h, sign * k, rho.abs(), weight)
    return positive if weight else sign * positive


def _from_plus_one(h: Tensor, k: Tensor, rho: Tensor, weight: int) -> Tensor:
    nodes, weights = legendre(_NODES_NEAR_ONE, rho)
    moves = rho < 1.0
    largest = torch.where(moves, torch.acos(torch.where(moves, rho, torch.full_like(rho, 0.5))), torch.zeros_like(rho))
    angle = largest[:, None] * nodes**_GRADING
    cosine, sine2 = torch.cos(angle), torch.sin(angle).square()
    floor = torch.where(sine2 > 0, sine2, torch.ones_like(sine2))
    exponent = -(h - k).square()[:, None] / (2.0 * floor) - (h * k)[:, None] / (1.0 + cosine)
    terms = torch.exp(exponent.clamp(max=0.0))
    if weight:
        terms = terms * (cosine - rho[:, None])
    tail = (terms @ (weights * _GRADING * nodes ** (_GRADING - 1))) * largest / (2.0 * math.pi)
    low = torch.minimum(h, k)
    if not weight:
        return cdf(low) - cdf(h) * cdf(k) - tail
    return relu_limit(h, k) - (1.0 - rho) * cdf(low) - rho * cdf(h) * cdf(k) + tail


def relu_limit(h: Float[Tensor, "*shape"], k: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Cov(relu(h + x), relu(k + x)) for one standard normal x, without cancellation for large thresholds.

    Example:
        >>> zero = torch.zeros((), dtype=torch.float64)
        >>> round(float(relu_limit(zero, zero)), 12) == round(0.5 - 0.5 / math.pi, 12)
        True
    """
    low, high = torch.minimum(h, k), torch.maximum(h, k)
    # E = h k P + (h + k) p + P - low p with P, p at low; minus the product of the means.
    mean_low = low * cdf(low) + pdf(low)
    # relu(high + x) = (high + x) + relu(-high - x): its covariance with relu(low + x) is P plus a term that vanishes
    # for high >> 0.
    overlap = mean_low * (high * cdf(-high) - pdf(high))
    return cdf(low) + overlap


def bivariate_cdf(
    h: Float[Tensor, "*shape"], k: Float[Tensor, "*shape"], rho: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """P(X <= h, Y <= k) for standard normal X and Y with correlation rho, limits included.

    Args:
        h: First threshold, float64.
        k: Threshold of the second variable.
        rho: Correlation in [-1, 1]; at 1 the value is Phi(min(h, k)), at -1 it is max(0, Phi(h) + Phi(k) - 1).

    Example:
        >>> zero = torch.zeros((), dtype=torch.float64)
        >>> round(float(bivariate_cdf(zero, zero, torch.tensor(0.5, dtype=torch.float64))), 12)
        0.333333333333
    """
    value = cdf(h) * cdf(k) + price_integral(h, k, rho, 0)
    return value.clamp(0.0, 1.0)
