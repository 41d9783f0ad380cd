r"""Order 3: what an elementwise activation does to mean, covariance and third cumulants.

Exact pairs, tree triples. With z_i standardised, rho and kappa the normalised second and third cumulants, c_k = E[f
He_k] the Wick coefficients and F = f - c_0 the centred function with coefficients g_k of F^2 and t_k of F^3:

* mean shift d_i = kappa_iii c_3/6; E F^2 = g_0 + kappa_iii g_3/6; E F^3 = t_0 + kappa_iii t_3/6;
* Cov_ij = Mehler + (kappa_iij c2_i c1_j + kappa_ijj c1_i c2_j)/2
  + rho_ij [(kappa_iii c4_i c1_j + kappa_jjj c1_i c4_j)/6 + (kappa_iij c3_i c2_j + kappa_ijj c2_i c3_j)/2];
* three different units: kappa_ijk c1 c1 c1 + the three trees c2_i c1_j c1_k rho_ij rho_ik + the loop c2 c2 c2 rho_ij
  rho_ik rho_jk;
* two equal: Cov(F_i^2, F_j) - 2 d_i Cov_ij with Cov(F_i^2, F_j) = Mehler + (kappa_iij g2_i c1_j + kappa_ijj g1_i
  c2_j)/2;
* three equal: E F^3 - 3 d E F^2 + 2 d^3.

With a normal vector before, everything but the three-different-units part is exact, and that part too for quadratic f.
A component that passes is the activation z -> z, for which all of this is an identity.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from haar.moments.activation import Activation
from haar.moments.mehler import mehler
from haar.moments.pairs import all_pairs
from haar.moments.quadrature import factorial_roots
from haar.moments.second_order import Step, place
from haar.moments.vector import VectorCumulants

_TERMS = 6
_SERIES = 128


def skewed(activation: Activation, before: VectorCumulants, part: slice, tolerance: float) -> Step:
    """Mean, covariance and third cumulants after the activation, to first order in the third cumulants before.

    Args:
        activation: The function that acts on the part.
        before: Cumulants of the whole vector, third ones included (None counts as zero).
        part: The components it acts on; the others pass.
        tolerance: Relative accuracy asked of Mehler's series.

    Example:
        >>> from haar.moments.closed_forms import Polynomial
        >>> one = torch.ones(1, 1, dtype=torch.float64)
        >>> after = skewed(Polynomial((0.0, 0.0, 1.0)), VectorCumulants(0 * one[0], one), slice(0, 1), 1e-12).cumulants
        >>> round(after.third.item(), 10)  # chi-square of one degree of freedom
        8.0
    """
    scale, inverse = before.sd(), before.inverse_sd()
    rho = before.correlation()
    kappa = torch.zeros(*rho.shape, rho.shape[-1], dtype=rho.dtype, device=rho.device)
    if before.third is not None:
        kappa = before.third * inverse[..., :, None, None] * inverse[..., None, :, None] * inverse[..., None, None, :]
    pairs = all_pairs(activation, before.mean[..., part], scale[..., part], rho[..., part, part], tolerance=tolerance)
    length = _series_length(activation, pairs.order, pairs.closed_pairs)
    f, square, cube = coefficients(activation, before.mean, scale, part, length)

    # Second cumulants of the normal part: closed pairs in the block, Stein's lemma (= Mehler of the identity) outside.
    normal = place(rho * f[..., :, None, 1] * f[..., None, :, 1], pairs.covariance, part)
    normal = torch.diagonal_scatter(normal, square[..., 0], dim1=-2, dim2=-1)
    roots = factorial_roots(length, before.mean)
    c, g, t = (x[..., :_TERMS] * roots[:_TERMS] for x in (f, square, cube))

    iij = kappa.diagonal(dim1=-3, dim2=-2).mT  # [i, j] -> kappa_iij
    iii = iij.diagonal(dim1=-2, dim2=-1)
    shift = iii * c[..., 3] / 6
    second = g[..., 0] + iii * g[..., 3] / 6
    variance = (second - shift.square()).clamp(min=0.0)
    cov = normal + _pair_correction(c, c, rho, iij, iii, first_order=True)
    cov = torch.diagonal_scatter(cov, variance, dim1=-2, dim2=-1)

    two_equal = mehler(rho, square, f) + _pair_correction(g, c, rho, iij, iii, first_order=False)
    two_equal = two_equal - 2 * shift[..., :, None] * cov
    three_equal = t[..., 0] + iii * t[..., 3] / 6 - 3 * shift * second + 2 * shift.pow(3)
    two_equal = torch.diagonal_scatter(two_equal, three_equal, dim1=-2, dim2=-1)
    third = _three_different(c, rho, kappa)
    for axes in ((-3, -2), (-3, -1), (-2, -1)):
        third = torch.diagonal_scatter(third, two_equal.mT, dim1=axes[0], dim2=axes[1])
    return Step(VectorCumulants(f[..., 0] + shift, cov, third), pairs.order, pairs.closed_pairs, pairs.bound)


def coefficients(
    activation: Activation,
    mean: Float[Tensor, "*batch units"],
    sd: Float[Tensor, "*batch units"],
    part: slice,
    length: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised Hermite coefficients of f, (f - E f)^2 and (f - E f)^3 for every component; f(z) = z outside `part`.

    Example:
        >>> from haar.moments.closed_forms import Polynomial
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> f, square, cube = coefficients(Polynomial((0.0, 1.0)), 0 * one, one, slice(0, 0), 3)
        >>> float(square[0, 0]), float(cube[0, 1])
        (1.0, 3.0)
    """
    zero = torch.zeros_like(sd)

    def series(*leading: Tensor) -> Tensor:
        return torch.stack([*leading, *([zero] * (length + 1 - len(leading)))], -1)

    f = series(mean, sd)
    square = series(sd.square(), zero, math.sqrt(2.0) * sd.square())
    cube = series(zero, 3 * sd.pow(3), zero, math.sqrt(6.0) * sd.pow(3))
    if part.stop > part.start:
        m, s = mean[..., part], sd[..., part]
        inner = activation.hermite(m, s, length), *activation.centred_powers(m, s, length, (2, 3))
        f, square, cube = (
            torch.slice_scatter(outer, x, -2, part.start, part.stop)
            for outer, x in zip((f, square, cube), inner, strict=True)
        )
    return f, square, cube


def _series_length(activation: Activation, order: int, closed_pairs: int) -> int:
    if activation.degree is not None:
        return max(2 * activation.degree, _TERMS)
    return _SERIES if closed_pairs else max(order, _TERMS + 2)


def _pair_correction(a: Tensor, b: Tensor, rho: Tensor, iij: Tensor, iii: Tensor, *, first_order: bool) -> Tensor:
    """What the third cumulants add to Cov(F(z_i), G(z_j)); a and b are the Wick coefficients of F and G."""

    def outer(p: int, q: int) -> Tensor:
        return a[..., :, None, p] * b[..., None, :, q]

    total = 0.5 * (iij * outer(2, 1) + iij.mT * outer(1, 2))
    if first_order:
        ends = (iii[..., :, None] * outer(4, 1) + iii[..., None, :] * outer(1, 4)) / 6
        total = total + rho * (ends + 0.5 * (iij * outer(3, 2) + iij.mT * outer(2, 3)))
    return total


def _three_different(c: Tensor, rho: Tensor, kappa: Tensor) -> Tensor:
    slope, bend = c[..., 1], c[..., 2]
    reach = rho * slope[..., None, :]  # [i, j] -> rho_ij c1_j
    tree = bend[..., :, None, None] * reach[..., :, :, None] * reach[..., :, None, :]
    loop = rho * bend[..., :, None]
    total = kappa * slope[..., :, None, None] * slope[..., None, :, None] * slope[..., None, None, :]
    total = total + tree + tree.transpose(-3, -2) + tree.transpose(-3, -1)
    return total + loop[..., :, :, None] * loop.mT[..., :, None, :] * loop[..., None, :, :]
