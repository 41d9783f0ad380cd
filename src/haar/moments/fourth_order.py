r"""Order 4: third and fourth cumulants carried, the Edgeworth terms of order 1/N complete on every unit and pair.

Notation of `haar.moments.third_order`; kappa4 the normalised fourth cumulants, u_k the Wick coefficients of F^4. On
one unit E G = G_0 + kappa_iii G_3/6 + kappa_iiii G_4/24 + kappa_iii^2 G_6/72 for G = F, F^2, F^3, F^4 (the last two
terms belong together: both are of order 1/N). On a pair all connected terms with one link between the units, to the
same order. Three different units: trees, the loop, kappa_ijk, kappa_iijk/2 and what kappa_iii adds to them. Four
different units: kappa_ijkl, the twelve ways of a triple with a leaf, the sixteen trees. Repeated indices go through
the cumulants of powers (Leonov and Shiryaev):

* kappa(i,i,j,k) = kappa(F_i^2, F_j, F_k) - 2 d_i kappa_ijk - 2 Cov_ij Cov_ik,
* kappa(i,i,j,j) = Cov(F_i^2, F_j^2) - 2 d_j Cov(F_i^2, F_j) - 2 d_i Cov(F_i, F_j^2) + 4 d_i d_j Cov_ij - 2 Cov_ij^2,
* kappa(i,i,i,j) = Cov(F_i^3, F_j) - 3 d_i Cov(F_i^2, F_j) + 3 d_i^2 Cov_ij - 3 Var_i Cov_ij.

The series is asymptotic: with few or strongly skewed inputs order 4 can be worse than order 3.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from haar.moments.activation import Activation
from haar.moments.mehler import mehler
from haar.moments.pairs import all_pairs
from haar.moments.quadrature import factorial_roots
from haar.moments.second_order import Step, place
from haar.moments.vector import VectorCumulants

_TERMS = 8
_SERIES = 128


@dataclass(frozen=True)
class _Units:
    """Normalised cumulants before, as the pair formulas need them; [i, j] reads kappa_iij, kappa_iiij, kappa_iijj."""

    rho: Tensor
    iii: Tensor
    iij: Tensor
    iiii: Tensor
    iiij: Tensor
    iijj: Tensor


def kurtotic(activation: Activation, before: VectorCumulants, part: slice, tolerance: float) -> Step:
    """Cumulants up to the fourth after the activation.

    Args:
        activation: The function that acts on the part.
        before: Cumulants of the whole vector up to the fourth (None counts as zero).
        part: The components it acts on; the others pass.
        tolerance: Relative accuracy asked of Mehler's series.

    Example:
        >>> from haar.moments.closed_forms import Polynomial
        >>> one = torch.ones(1, 1, dtype=torch.float64)
        >>> before = VectorCumulants(0 * one[0], one)
        >>> step = kurtotic(Polynomial((0.0, 0.0, 1.0)), before, slice(0, 1), 1e-12)
        >>> round(step.cumulants.fourth.item(), 9)  # chi-square of one degree of freedom
        48.0
    """
    scale, inverse = before.sd(), before.inverse_sd()
    rho = before.correlation()
    n, batch = before.size, before.mean.shape[:-1]
    kappa = rho.new_zeros(*batch, n, n, n) if before.third is None else _scaled(before.third, inverse, 3)
    kappa4 = rho.new_zeros(*batch, n, n, n, n) if before.fourth is None else _scaled(before.fourth, inverse, 4)
    units = _units(rho, kappa, kappa4)
    pairs = all_pairs(activation, before.mean[..., part], scale[..., part], rho[..., part, part], tolerance=tolerance)
    length = max(_TERMS, 4 * activation.degree if activation.degree is not None else max(pairs.order, _SERIES))
    f, *powers = power_coefficients(activation, before.mean, scale, part, length)
    roots = factorial_roots(length, before.mean)[:_TERMS]
    c, g, t, u = (x[..., :_TERMS] * roots for x in (f, *powers))

    def raw(a: Tensor) -> Tensor:
        return a[..., 0] + units.iii * a[..., 3] / 6 + units.iiii * a[..., 4] / 24 + units.iii.square() * a[..., 6] / 72

    shift = raw(c) - c[..., 0]
    second, cube, fourth_moment = raw(g), raw(t), raw(u)
    variance = (second - shift.square()).clamp(min=0.0)
    normal = place(rho * f[..., :, None, 1] * f[..., None, :, 1], pairs.covariance, part)
    cov = torch.diagonal_scatter(normal + _pair(c, c, units), variance, dim1=-2, dim2=-1)
    square_with = mehler(rho, powers[0], f) + _pair(g, c, units)
    cube_with = mehler(rho, powers[1], f) + _pair(t, c, units)
    square_square = mehler(rho, powers[0], powers[0]) + _pair(g, g, units)

    d = shift[..., :, None]
    iij = square_with - 2 * d * cov
    iii = cube - 3 * shift * second + 2 * shift.pow(3)
    iij = torch.diagonal_scatter(iij, iii, dim1=-2, dim2=-1)
    third = _three_different(c, c, units, kappa, kappa4)
    for axes in ((-3, -2), (-3, -1), (-2, -1)):
        third = torch.diagonal_scatter(third, iij.mT, dim1=axes[0], dim2=axes[1])

    own = fourth_moment - 4 * shift * cube + 6 * shift.square() * second - 3 * shift.pow(4) - 3 * variance.square()
    iiij = cube_with - 3 * d * square_with + 3 * d.square() * cov - 3 * variance[..., :, None] * cov
    iijj = square_square - 2 * d.mT * square_with - 2 * d * square_with.mT + 4 * d * d.mT * cov - 2 * cov.square()
    iiij = torch.diagonal_scatter(iiij, own, dim1=-2, dim2=-1)
    iijj = torch.diagonal_scatter(iijj, own, dim1=-2, dim2=-1)
    iijk = _three_different(g, c, units, kappa, kappa4) - 2 * d[..., None] * third
    iijk = iijk - 2 * cov[..., :, :, None] * cov[..., :, None, :]
    iijk = torch.diagonal_scatter(iijk, iijj, dim1=-2, dim2=-1)
    for axes in ((-3, -2), (-3, -1)):
        iijk = torch.diagonal_scatter(iijk, iiij.mT, dim1=axes[0], dim2=axes[1])
    fourth = _four_different(c, rho, kappa, kappa4)
    for axes in itertools.combinations((-4, -3, -2, -1), 2):
        fourth = torch.diagonal_scatter(fourth, iijk.movedim(-3, -1), dim1=axes[0], dim2=axes[1])
    after = VectorCumulants(f[..., 0] + shift, cov, third, fourth)
    return Step(after, pairs.order, pairs.closed_pairs, pairs.bound)


def _scaled(tensor: Tensor, factor: Tensor, rank: int) -> Tensor:
    for axis in range(rank):
        tensor = tensor * factor.reshape(*factor.shape[:-1], *([1] * axis), -1, *([1] * (rank - 1 - axis)))
    return tensor


def _units(rho: Tensor, kappa: Tensor, kappa4: Tensor) -> _Units:
    iij = kappa.diagonal(dim1=-3, dim2=-2).mT
    two = kappa4.diagonal(dim1=-4, dim2=-3)  # [k, l, i] -> kappa_iikl
    iijj = two.diagonal(dim1=-3, dim2=-2).mT  # [i, j]
    iiij = two.diagonal(dim1=-3, dim2=-1).mT  # [l, i] -> [i, l]
    return _Units(
        rho=rho,
        iii=iij.diagonal(dim1=-2, dim2=-1),
        iij=iij,
        iiii=iijj.diagonal(dim1=-2, dim2=-1),
        iiij=iiij,
        iijj=iijj,
    )


def power_coefficients(activation: Activation, mean: Tensor, sd: Tensor, part: slice, length: int) -> list[Tensor]:
    """Normalised Hermite coefficients of f and of the powers 2, 3, 4 of f - E f; f(z) = z outside `part`.

    Example:
        >>> from haar.moments.closed_forms import Polynomial
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> [float(x[0, 0]) for x in power_coefficients(Polynomial((0.0, 1.0)), 0 * one, one, slice(0, 0), 4)]
        [0.0, 1.0, 0.0, 3.0]
    """
    m, s = mean[..., part], sd[..., part]
    if m.shape == mean.shape:
        return [activation.hermite(m, s, length), *activation.centred_powers(m, s, length, (2, 3, 4))]
    zero = torch.zeros_like(sd)
    passing = ((mean, sd), (sd**2, zero, math.sqrt(2) * sd**2), (zero, 3 * sd**3, zero, math.sqrt(6) * sd**3))
    fourth = (3 * sd**4, zero, 12 / math.sqrt(2) * sd**4, zero, 24 / math.sqrt(24) * sd**4)
    found = [torch.stack([*x, *([zero] * (length + 1 - len(x)))], -1) for x in (*passing, fourth)]
    if part.stop > part.start:
        inner = activation.hermite(m, s, length), *activation.centred_powers(m, s, length, (2, 3, 4))
        found = [
            torch.slice_scatter(outer, x, -2, part.start, part.stop) for outer, x in zip(found, inner, strict=True)
        ]
    return found


def _pair(a: Tensor, b: Tensor, units: _Units) -> Tensor:
    """What third and fourth cumulants add to Cov(F(z_i), G(z_j)), i != j; a, b are the Wick coefficients of F, G."""

    def outer(p: int, q: int) -> Tensor:
        return a[..., :, None, p] * b[..., None, :, q]

    p, s = units.iii[..., :, None], units.iii[..., None, :]
    q, r = units.iij, units.iij.mT
    first = 0.5 * (q * outer(2, 1) + r * outer(1, 2))
    first = first + units.rho * (p * outer(4, 1) + s * outer(1, 4)) / 6
    first = first + units.rho * 0.5 * (q * outer(3, 2) + r * outer(2, 3))
    fourth = (4 * units.iiij * outer(3, 1) + 6 * units.iijj * outer(2, 2) + 4 * units.iiij.mT * outer(1, 3)) / 24
    fourth = fourth + units.rho * (units.iiii[..., :, None] * outer(5, 1) + units.iiii[..., None, :] * outer(1, 5)) / 24
    squares = 6 * p * q * outer(5, 1) + (9 * q * q + 6 * p * r) * outer(4, 2) + 18 * q * r * outer(3, 3)
    squares = squares + (9 * r * r + 6 * q * s) * outer(2, 4) + 6 * r * s * outer(1, 5)
    squares = squares + units.rho * (p * p * outer(7, 1) + 2 * p * s * outer(4, 4) + s * s * outer(1, 7))
    return first + fourth + squares / 72


def _three_different(a: Tensor, c: Tensor, units: _Units, kappa: Tensor, kappa4: Tensor) -> Tensor:
    """Joint third cumulant of F(z_i), f(z_j), f(z_k) for three different units; a belongs to F, c to f."""
    rho, skew = units.rho, units.iii

    def bent(x: Tensor, k: int) -> Tensor:
        """c_k with what the unit's own skewness adds."""
        return x[..., k] + skew * x[..., k + 3] / 6

    a1, a2, c1, c2 = bent(a, 1), bent(a, 2), bent(c, 1), bent(c, 2)
    pair = c1[..., :, None] * c1[..., None, :]
    at_i = a2[..., :, None, None] * rho[..., :, :, None] * rho[..., :, None, :] * pair[..., None, :, :]
    link = rho * c2[..., None, :]  # [i, j] -> rho_ij c2_j
    at_j = a1[..., :, None, None] * link[..., :, :, None] * (rho * c1[..., None, :])[..., None, :, :]
    total = kappa * a1[..., :, None, None] * pair[..., None, :, :] + at_i + at_j + at_j.transpose(-1, -2)
    loop = a[..., 2, None, None] * rho[..., :, :, None] * rho[..., :, None, :]
    total = total + loop * (rho * c[..., :, None, 2] * c[..., None, :, 2])[..., None, :, :]
    # kappa_iijk/2 and its two partners with the index j or k repeated.
    two = kappa4.diagonal(dim1=-4, dim2=-3).movedim(-1, -3)  # [i, j, k] -> kappa_iijk
    total = total + 0.5 * two * a[..., 2, None, None] * (c[..., :, None, 1] * c[..., None, :, 1])[..., None, :, :]
    other = 0.5 * two.transpose(-3, -2) * a[..., 1, None, None]  # [i, j, k] -> kappa_jjik
    other = other * (c[..., :, None, 2] * c[..., None, :, 1])[..., None, :, :]
    return total + other + other.transpose(-1, -2)


def _four_different(c: Tensor, rho: Tensor, kappa: Tensor, kappa4: Tensor) -> Tensor:
    c1, c2, c3 = c[..., 1], c[..., 2], c[..., 3]
    total = _scaled(kappa4, c1, 4)
    reach = rho * c1[..., None, :]
    # [i, j, k, l]: a triple ijk with the leaf l at i.
    leaf = (kappa * c2[..., :, None, None] * c1[..., None, :, None] * c1[..., None, None, :])[..., None]
    leaf = leaf * reach[..., :, None, None, :]
    for at, tip in itertools.permutations(range(4), 2):
        total = total + _placed(leaf, (at, *(x for x in range(4) if x not in (at, tip)), tip))
    star = c3[..., :, None, None, None] * reach[..., :, :, None, None]
    star = star * reach[..., :, None, :, None] * reach[..., :, None, None, :]
    for centre in range(4):
        total = total + _placed(star, (centre, *(x for x in range(4) if x != centre)))
    middle = rho * c2[..., :, None] * c2[..., None, :]
    path = reach.mT[..., :, :, None, None] * middle[..., None, :, :, None] * reach[..., None, None, :, :]
    for order in itertools.permutations(range(4)):
        if order[0] < order[3]:
            total = total + _placed(path, order)
    return total


def _placed(tensor: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The tensor whose k-th site is axis axes[k] of the result."""
    lead = tensor.ndim - 4
    inverse = [axes.index(x) for x in range(4)]
    return tensor.permute(*range(lead), *(lead + x for x in inverse))
