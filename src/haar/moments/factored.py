"""A vector's mean and covariance, with third and fourth cumulants in factors, and what an activation makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from haar.moments.activation import Activation
from haar.moments.entries import Entries
from haar.moments.factors import Factors
from haar.moments.fourth_order import power_coefficients
from haar.moments.generations import Passage, all_generations, one_generation
from haar.moments.mehler import several_mehler
from haar.moments.pairs import all_pairs
from haar.moments.quadrature import factorial_roots
from haar.moments.second_order import Step, place
from haar.moments.slices import SECOND, THIRD, After, Reach, Slices, Wick, after, safe_weight
from haar.moments.vector import LinearFunction, VectorCumulants, along

_TERMS = 9
_SERIES = 128
_ROUNDING = 1e-13
_FLAT = 1e-3  # a variance below this share of the normal one is no variance that a series has found


@dataclass(frozen=True)
class Scheme:
    """An order of cumulants in factors.

    Args:
        reach: Which terms of a pair are kept.
        generation: What is carried after an activation.
    """

    reach: Reach
    generation: Callable[[Passage, Factors, Entries], Factors]


#: The orders that are carried in factors.
SCHEMES: dict[int | str, Scheme] = {"2+": Scheme(SECOND, one_generation), 3: Scheme(THIRD, all_generations)}


@dataclass(frozen=True)
class FactoredCumulants(VectorCumulants):
    """Mean and covariance, and third and fourth cumulants as sums of products of matrices.

    Args:
        factors: The third and fourth cumulants.

    Example:
        >>> from haar.moments.factors import Triple
        >>> x = FactoredCumulants(torch.zeros(2), torch.eye(2), factors=Factors((None,), (Triple(0, 0, 0),)))
        >>> x.map(lambda rows: rows.sum(-1, keepdim=True)).whole_third().item()  # 3 from each of two
        6.0
    """

    factors: Factors = field(default_factory=Factors)

    def map(
        self,
        function: LinearFunction,
        shift: Float[Tensor, "out"] | None = None,
        matrix: Float[Tensor, "out units"] | None = None,
    ) -> FactoredCumulants:
        """The linear map acts on the rows of every matrix."""
        plain = super().map(function, shift, matrix)
        return FactoredCumulants(plain.mean, plain.cov, factors=mapped(self.factors, function, matrix, self.mean))

    def image(
        self, jacobian: Float[Tensor, "*batch out units"], mean: Float[Tensor, "*batch out"]
    ) -> FactoredCumulants:
        """One matrix for every batch entry."""
        plain = super().image(jacobian, mean)
        factors = self.factors.each(lambda rows: jacobian if rows is None else jacobian @ rows)
        return FactoredCumulants(plain.mean, plain.cov, factors=factors)

    def select(self, index: Tensor | slice) -> FactoredCumulants:
        """Some of the rows of every matrix."""
        plain, factors = super().select(index), self.factors.filled(self.mean, Entries())
        rows = tuple(matrix[..., index, :] for matrix in factors.written)
        return FactoredCumulants(plain.mean, plain.cov, factors=replace(factors, matrices=rows))

    def slices(self) -> tuple[Tensor, Tensor, Tensor]:
        """K_iij, K_iijj, K_iiij, with K_iii and K_iiii on their diagonals."""
        return self.factors.filled(self.mean, Entries()).slices(self.cov, Entries())

    def whole_third(self) -> Float[Tensor, "*batch units units units"]:
        """The third cumulants, dense."""
        return self.factors.filled(self.mean, Entries()).third(self.cov)

    def own(self, order: int) -> Float[Tensor, "*batch units"]:
        """Third or fourth cumulant of every component alone."""
        return self.slices()[order - 3].diagonal(dim1=-2, dim2=-1)


def mapped(
    factors: Factors,
    function: LinearFunction,
    matrix: Float[Tensor, "out units"] | None,
    like: Float[Tensor, "*batch units"],
) -> Factors:
    """Factors after a linear map, by its matrix where there is one at hand.

    Example:
        >>> mapped(Factors((None,)), lambda rows: 2 * rows, None, torch.ones(1)).written[0].item()
        2.0
    """

    def change(rows: Tensor | None) -> Tensor:
        if rows is None:
            eye = torch.eye(like.shape[-1], dtype=like.dtype, device=like.device)
            return function(eye).mT if matrix is None else matrix
        return along(function, rows, -2) if matrix is None else matrix @ rows

    return factors.each(change)


def factored(
    activation: Activation, before: FactoredCumulants, part: slice, tolerance: float, order: int | str
) -> Step:
    """Cumulants after the activation.

    Args:
        activation: The function.
        before: Cumulants of the whole vector.
        part: The components it acts on; the others pass.
        tolerance: Relative accuracy asked of Mehler's series.
        order: "2+" or 3.

    Example:
        >>> from haar.moments.closed_forms import Polynomial
        >>> one = torch.ones(1, 1, dtype=torch.float64)
        >>> step = factored(Polynomial((0.0, 0.0, 1.0)), FactoredCumulants(0 * one[0], one), slice(0, 1), 1e-12, "2+")
        >>> round(step.cumulants.own(3).item(), 9), round(step.cumulants.own(4).item(), 9)  # chi-square
        (8.0, 48.0)
    """
    e, mean, sd, rho = Entries(), before.mean, before.sd(), before.correlation()
    inner = rho[..., part, part]
    length = series_length(activation, largest_correlation(inner.detach(), e))
    coefficients = power_coefficients(activation, mean, sd, part, length)
    f, square, cube, _ = coefficients
    known = f[..., part, :]
    pairs = all_pairs(activation, mean[..., part], sd[..., part], inner, tolerance=tolerance, known=known)
    first = place(rho * f[..., :, None, 1] * f[..., None, :, 1], pairs.covariance, part)
    with_square, with_cube, squares = several_mehler(rho, [(square, f), (cube, f), (square, square)])
    normal = first, with_square, with_cube, squares
    factors = before.factors.filled(mean, e)
    unit = Units(activation, part, rho, before.inverse_sd(), coefficients, normal)
    level, made, factors, damped = through(unit, factors, SCHEMES[order], e)
    found = FactoredCumulants(level + made.shift, made.cov, factors=factors)
    return Step(found, pairs.order, pairs.closed_pairs, pairs.bound, damped)


@dataclass(frozen=True)
class Units:
    """What the normal law of the same mean and covariance says of an activation.

    Args:
        activation: The function.
        part: The components it acts on.
        rho: Correlations.
        inverse: 1 / sd.
        coefficients: Normalised Hermite coefficients of F and its powers.
        normal: Cov(F, F), Cov(F^2, F), Cov(F^3, F), Cov(F^2, F^2).
    """

    activation: Activation
    part: slice
    rho: Tensor
    inverse: Tensor
    coefficients: list[Tensor]
    normal: tuple[Tensor, Tensor, Tensor, Tensor]


def through(units: Units, factors: Factors, scheme: Scheme, e: Entries) -> tuple[Tensor, After, Factors, int]:
    """The level of every unit, what is after the activation, its factors, and how many units were damped."""
    aab, aabb, aaab = factors.slices(units.rho, e)
    left, right = e.rows(units.inverse), e.columns(units.inverse)
    aab, aabb, aaab = aab * left.square() * right, aabb * (left * right).square(), aaab * left.pow(3) * right
    slices = Slices(units.rho, aab, aabb, aaab, e.diagonal(aab), e.diagonal(aabb))
    roots = factorial_roots(_TERMS - 1, units.inverse)
    wick = Wick(*((_terms(x) * roots).unbind(-1) for x in units.coefficients))
    weight = safe_weight(slices, units.part, polynomial=units.activation.degree is not None)
    made = after(wick, units.normal, slices.damped(weight, e), e, scheme.reach)
    # A series that finds no variance has diverged: such units are taken as normal.
    lost = made.variance.detach() < _FLAT * e.diagonal(units.normal[0]).detach()
    if bool(lost.any()):
        weight = torch.where(lost, torch.zeros_like(weight), weight)
        made = after(wick, units.normal, slices.damped(weight, e), e, scheme.reach)
    passage = Passage(wick, slices.damped(weight, e), made, weight * units.inverse)
    return wick.c[0], made, scheme.generation(passage, factors, e), int((weight < 1.0).sum())


def _terms(coefficients: Tensor) -> Tensor:
    missing = _TERMS - coefficients.shape[-1]
    return torch.nn.functional.pad(coefficients, (0, missing)) if missing > 0 else coefficients[..., :_TERMS]


def largest_correlation(rho: Tensor, e: Entries) -> float:
    """The largest |rho| of two different units, at most 1.

    Example:
        >>> largest_correlation(torch.eye(2), Entries())
        0.0
    """
    size = e.with_diagonal(rho, torch.zeros_like(e.diagonal(rho))).abs()
    return min(float(size.max()), 1.0) if size.numel() else 0.0


def series_length(activation: Activation, largest: float) -> int:
    """Where Mehler's series of the powers is cut: past rounding at the largest correlation of two units.

    Example:
        >>> from haar.moments.registry import relu
        >>> series_length(relu(), 0.0), series_length(relu(), 0.5), series_length(relu(), 1.0)
        (8, 44, 128)
    """
    if activation.degree is not None:
        return max(_TERMS - 1, 4 * activation.degree)
    if largest <= 0.0:
        return _TERMS - 1
    if largest >= 1.0:
        return _SERIES
    return min(_SERIES, max(_TERMS - 1, math.ceil(math.log(_ROUNDING) / math.log(largest))))
