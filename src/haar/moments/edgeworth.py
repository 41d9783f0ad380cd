"""Laws from cumulants: Edgeworth expectations and densities, Gram-Charlier series, Cornish-Fisher quantiles."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.activation import Activation
from haar.moments.normal import hermite_polynomials, pdf
from haar.moments.quadrature import factorial_roots


@dataclass(frozen=True)
class SignedDensity:
    """A density from a truncated series, which may go below zero: shown as it is, and flagged.

    Args:
        values: The series at the points of evaluation.
        negative: Whether it is negative somewhere on the points asked for.

    Example:
        >>> density(torch.tensor([0.0], dtype=torch.float64), 0.0, 1.0).negative
        False
    """

    values: Float[Tensor, "*shape"]
    negative: bool


def edgeworth_expectation(
    activation: Activation,
    mean: float | int,
    sd: float | int,
    skewness: float | int = 0.0,
    kurtosis: float | int = 0.0,
    *,
    order: int = 4,
) -> float:
    r"""E f(z) for a scalar z with the given cumulants: a_0 + g1 a_3/6 + g2 a_4/24 + g1^2 a_6/72.

    The last two terms are of the same order in 1/n and come together.

    Args:
        activation: The function f whose mean is wanted.
        mean: Mean of z.
        sd: Standard deviation of z.
        skewness: g1 = k3/sd^3.
        kurtosis: g2 = k4/sd^4.
        order: 2 normal, 3 with skewness, 4 with all terms.

    Raises:
        ArgumentError: If the order is not 2, 3 or 4.

    Source: Edgeworth (1905); Petrov, Sums of Independent Random Variables (1975), chapter VI.

    Example:
        >>> from haar.moments.closed_forms import Polynomial
        >>> edgeworth_expectation(Polynomial((0.0, 0.0, 0.0, 1.0)), 0.0, 1.0, skewness=2.0)
        2.0...
    """
    if order not in (2, 3, 4):
        raise ArgumentError("order", expected="2, 3 or 4", got=order)
    a = activation.wick(torch.tensor([mean], dtype=torch.float64), torch.tensor([sd], dtype=torch.float64), 6)[0]
    value = a[0]
    if order > 2:
        value = value + skewness * a[3] / 6
    if order > 3:
        value = value + kurtosis * a[4] / 24 + skewness**2 * a[6] / 72
    return float(value)


def density(
    x: Float[Tensor, "*shape"],
    mean: float | int,
    sd: float | int,
    skewness: float | int = 0.0,
    kurtosis: float | int = 0.0,
    *,
    series: str = "edgeworth",
) -> SignedDensity:
    r"""phi(t)/sd [1 + g1 He3(t)/6 + g2 He4(t)/24 (+ g1^2 He6(t)/72 for Edgeworth)], t = (x - mean)/sd.

    Args:
        x: Points to evaluate at, ``(*shape)``.
        mean: Mean of the variable.
        sd: Standard deviation, > 0.
        skewness: k3/sd^3.
        kurtosis: k4/sd^4.
        series: Where the series ends: ``"edgeworth"`` or ``"gram-charlier"``.

    Raises:
        ArgumentError: If sd is not positive or the series is unknown.

    Example:
        >>> found = density(torch.linspace(-4, 4, 9, dtype=torch.float64), 0.0, 1.0, skewness=2.0)
        >>> found.negative
        True
    """
    if sd <= 0:
        raise ArgumentError("sd", expected="a number > 0", got=sd)
    if series not in ("edgeworth", "gram-charlier"):
        raise ArgumentError("series", expected="'edgeworth' or 'gram-charlier'", got=repr(series))
    t = (x.to(torch.float64) - mean) / sd
    he = [p * r for p, r in zip(hermite_polynomials(t, 6), factorial_roots(6, t), strict=True)]
    factor = 1 + skewness * he[3] / 6 + kurtosis * he[4] / 24
    if series == "edgeworth":
        factor = factor + skewness**2 * he[6] / 72
    values = pdf(t) * factor / sd
    return SignedDensity(values, bool((values < 0).any()))


def cornish_fisher(
    probability: Float[Tensor, "*shape"],
    mean: float | int,
    sd: float | int,
    skewness: float | int = 0.0,
    kurtosis: float | int = 0.0,
) -> Float[Tensor, "*shape"]:
    r"""Quantiles from cumulants, t the normal quantile.

    The quantile is mean + sd [t + g1 (t^2-1)/6 + g2 (t^3-3t)/24 - g1^2 (2t^3-5t)/36].

    Args:
        probability: In (0, 1).
        mean: Mean of the variable.
        sd: Standard deviation of the variable.
        skewness: k3/sd^3.
        kurtosis: k4/sd^4.

    Raises:
        ArgumentError: If a probability is outside (0, 1).

    Source: Cornish and Fisher (1938).

    Example:
        >>> cornish_fisher(torch.tensor([0.5], dtype=torch.float64), 1.0, 2.0).tolist()
        [1.0]
    """
    if bool(((probability <= 0) | (probability >= 1)).any()):
        raise ArgumentError("probability", expected="numbers in (0, 1)", got=probability.tolist())
    t = torch.special.ndtri(probability.to(torch.float64))
    shift = skewness * (t.square() - 1) / 6 + kurtosis * (t.pow(3) - 3 * t) / 24
    found: Tensor = mean + sd * (t + shift - skewness**2 * (2 * t.pow(3) - 5 * t) / 36)
    return found
