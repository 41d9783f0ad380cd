r"""What an activation makes of the cumulants of units and of pairs: mean, covariance and the slices iij, iijj, iiij.

Notation of `haar.moments.third_order`; T_ij, Q_ij, R_ij are the normalised kappa_iij, kappa_iijj, kappa_iiij, with
kappa_iii and kappa_iiii on their diagonals; c, g, t, u the Wick coefficients of F, F^2, F^3, F^4, F = f - E f under the
normal law of the same mean and variance. On one unit

    E F^p = a_0 + kappa_iii a_3/6 + kappa_iiii a_4/24 [+ kappa_iii^2 a_6/72],

on a pair of units

    Cov(F_i, G_j) = Mehler + sum_(p,q) kappa_pq/(p! q!) sum_k rho_ij^k/k! a_(p+k)(i) b_(q+k)(j)
                    [+ the squares of third cumulants],

(p, q) = (2,1), (1,2), (2,2), (3,1), (1,3) from k = 0 and (3,0), (0,3), (4,0), (0,4) from k = 1: cumulants beyond the
second act as differential operators on the normal expectation, and those of one unit alone need a link to the other.
The slices follow from Leonov and Shiryaev's rule as in `haar.moments.fourth_order`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from haar.moments.entries import Entries

_SKEWNESS = 1.0
_KURTOSIS = 1.25


@dataclass(frozen=True)
class Slices:
    """Normalised cumulants of units and pairs.

    Args:
        rho: Correlations.
        iij: [i, j] -> kappa_iij, kappa_iii on the diagonal.
        iijj: [i, j] -> kappa_iijj, kappa_iiii on the diagonal.
        iiij: [i, j] -> kappa_iiij, kappa_iiii on the diagonal.
        iii: kappa_iii.
        iiii: kappa_iiii.
    """

    rho: Tensor
    iij: Tensor
    iijj: Tensor
    iiij: Tensor
    iii: Tensor
    iiii: Tensor

    def damped(self, weight: Tensor, e: Entries) -> Slices:
        """The slices of w_i z_i filled up with independent normal noise to the same covariance."""
        left, right = e.rows(weight), e.columns(weight)
        return Slices(
            self.rho,
            self.iij * left.square() * right,
            self.iijj * (left * right).square(),
            self.iiij * left.pow(3) * right,
            self.iii * weight.pow(3),
            self.iiii * weight.pow(4),
        )


@dataclass(frozen=True)
class Wick:
    """Wick coefficients, one vector an order: of F, and of its powers 2, 3, 4."""

    c: tuple[Tensor, ...]
    g: tuple[Tensor, ...]
    t: tuple[Tensor, ...]
    u: tuple[Tensor, ...]


@dataclass(frozen=True)
class Reach:
    """How far the expansion of a pair goes.

    Args:
        links: Highest power of rho beside a cumulant.
        mixed_links: The same beside kappa_iiij.
        squares: Whether the squares of third cumulants are kept.
    """

    links: int
    mixed_links: int
    squares: bool


#: One generation: the terms of order 1/n of a network with weights of random sign.
SECOND = Reach(links=1, mixed_links=0, squares=False)
#: The terms of order n^(-3/2), and those of order n^-2 that sums of one sign make as large.
THIRD = Reach(links=2, mixed_links=2, squares=True)


@dataclass(frozen=True)
class After:
    """Cumulants after an activation; the slices have kappa_iii or kappa_iiii on their diagonals."""

    shift: Tensor
    variance: Tensor
    cov: Tensor
    iij: Tensor
    iijj: Tensor
    iiij: Tensor


def safe_weight(slices: Slices, part: slice, *, polynomial: bool) -> Tensor:
    """Factors w_i <= 1 at which the series in the cumulants of w_i z_i does not diverge; 1 where f is a polynomial."""
    one = torch.ones_like(slices.iii)
    if polynomial:
        return one
    skew, heavy = slices.iii.abs().clamp(min=_SKEWNESS), slices.iiii.abs().clamp(min=_KURTOSIS)
    found = torch.minimum((_SKEWNESS / skew).pow(1 / 3), (_KURTOSIS / heavy).pow(1 / 4))
    return torch.slice_scatter(one, found[..., part], -1, part.start, part.stop)


def expected(a: tuple[Tensor, ...], slices: Slices, *, squares: bool) -> Tensor:
    """E G for a function with Wick coefficients a."""
    found = a[0] + slices.iii * a[3] / 6 + slices.iiii * a[4] / 24
    return found + slices.iii.square() * a[6] / 72 if squares else found


def correction(a: tuple[Tensor, ...], b: tuple[Tensor, ...], slices: Slices, e: Entries, reach: Reach) -> Tensor:
    """What third and fourth cumulants add to Cov(F(z_i), G(z_j)), i != j."""

    def outer(p: int, q: int) -> Tensor:
        return e.rows(a[p]) * e.columns(b[q])

    iij, ijj = slices.iij, e.transpose(slices.iij)
    iiij, ijjj = slices.iiij, e.transpose(slices.iiij)
    ends = [(3, 6, slices.iii), (4, 24, slices.iiii)]
    total = torch.zeros_like(slices.rho)
    power = torch.ones_like(slices.rho)
    for k in range(reach.links + 1):
        term = 0.5 * (iij * outer(2 + k, 1 + k) + ijj * outer(1 + k, 2 + k)) + 0.25 * slices.iijj * outer(2 + k, 2 + k)
        if k <= reach.mixed_links:
            term = term + (iiij * outer(3 + k, 1 + k) + ijjj * outer(1 + k, 3 + k)) / 6
        if k:
            for p, size, own in ends:
                term = term + e.rows(own * a[p + k]) * e.columns(b[k]) / size
                term = term + e.rows(a[k]) * e.columns(own * b[p + k]) / size
        total = total + power * term
        power = power * slices.rho / (k + 1)
    return total + _squares(a, b, slices, e) if reach.squares else total


def _squares(a: tuple[Tensor, ...], b: tuple[Tensor, ...], slices: Slices, e: Entries) -> Tensor:
    """Half the square of the third cumulants' operator, without what is in no link."""

    def outer(p: int, q: int) -> Tensor:
        return e.rows(a[p]) * e.columns(b[q])

    p, s = e.rows(slices.iii), e.columns(slices.iii)
    q, r = slices.iij, e.transpose(slices.iij)
    found = 6 * p * q * outer(5, 1) + (9 * q * q + 6 * p * r) * outer(4, 2) + 18 * q * r * outer(3, 3)
    found = found + (9 * r * r + 6 * q * s) * outer(2, 4) + 6 * r * s * outer(1, 5)
    return (found + slices.rho * (p * p * outer(7, 1) + 2 * p * s * outer(4, 4) + s * s * outer(1, 7))) / 72


def after(wick: Wick, normal: tuple[Tensor, Tensor, Tensor, Tensor], slices: Slices, e: Entries, reach: Reach) -> After:
    """Mean shift, covariance and slices after the activation.

    Args:
        wick: Wick coefficients.
        normal: Cov(F, F), Cov(F^2, F), Cov(F^3, F), Cov(F^2, F^2) of the normal law, [i, j].
        slices: Normalised cumulants before.
        e: How matrices are stored.
        reach: Which terms are kept.
    """
    c, g, t, u = wick.c, wick.g, wick.t, wick.u
    shift = expected(c, slices, squares=reach.squares) - c[0]
    second, cube, fourth = (expected(x, slices, squares=reach.squares) for x in (g, t, u))
    variance = second - shift.square()
    cov = e.with_diagonal(normal[0] + correction(c, c, slices, e, reach), variance)
    square_with = normal[1] + correction(g, c, slices, e, reach)
    cube_with = normal[2] + correction(t, c, slices, e, reach)
    square_square = normal[3] + correction(g, g, slices, e, reach)
    d = e.rows(shift)
    iij = square_with - 2 * d * cov
    iiij = cube_with - 3 * d * square_with + 3 * d.square() * cov - 3 * e.rows(variance) * cov
    half = e.columns(shift) * square_with
    iijj = square_square - 2 * (half + e.transpose(half)) + 4 * d * e.columns(shift) * cov - 2 * cov.square()
    iii = cube - 3 * shift * second + 2 * shift.pow(3)
    own = fourth - 4 * shift * cube + 6 * shift.square() * second - 3 * shift.pow(4) - 3 * variance.square()
    iij, iijj, iiij = e.with_diagonal(iij, iii), e.with_diagonal(iijj, own), e.with_diagonal(iiij, own)
    return After(shift, variance, cov, iij, iijj, iiij)
