"""Exact arithmetic of cumulants, and the draws that several laws share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor

from haar.constants import TINY
from haar.errors import ArgumentError

#: A number of a cumulant: rational where it can be.
Exact = int | float | Fraction


def checked_order(n: int) -> int:
    """The order of a cumulant, refused below 1.

    Raises:
        ArgumentError: If n < 1.

    Example:
        >>> checked_order(2)
        2
    """
    if n < 1:
        raise ArgumentError("n", expected="an order >= 1", got=n)
    return n


def check_sum(b: int, index: float | int) -> None:
    """Refuse an impossible normalised sum.

    Raises:
        ArgumentError: If there is no copy or the index is not positive.

    Example:
        >>> check_sum(2, 2.0)
    """
    if b < 1:
        raise ArgumentError("b", expected="at least one copy", got=b)
    if index <= 0:
        raise ArgumentError("index", expected="a number > 0", got=index)


def sizes(shape: int | Sequence[int]) -> tuple[int, ...]:
    """A shape as a tuple.

    Example:
        >>> sizes(3)
        (3,)
    """
    return (shape,) if isinstance(shape, int) else tuple(shape)


def rational(value: Exact) -> Exact:
    """An integer as a fraction, so that division stays exact.

    Example:
        >>> rational(1) / 3
        Fraction(1, 3)
    """
    return Fraction(value) if isinstance(value, int) else value


def exact_power(base: int, exponent: Fraction) -> Exact:
    """base^exponent, exact where it is rational.

    Example:
        >>> exact_power(4, Fraction(-1, 2)), exact_power(4, Fraction(2))
        (Fraction(1, 2), Fraction(16, 1))
    """
    root = round(base ** (1.0 / exponent.denominator))
    if root**exponent.denominator == base:
        exact: Fraction = Fraction(root) ** exponent.numerator
        return exact
    return math.pow(base, exponent)


def bernoulli(n: int) -> Fraction:
    """Bernoulli number B_n by its recurrence.

    Example:
        >>> bernoulli(4)
        Fraction(-1, 30)
    """
    found = [Fraction(1)]
    for m in range(1, n + 1):
        found.append(-sum((math.comb(m + 1, k) * found[k] for k in range(m)), Fraction(0)) / (m + 1))
    return found[n]


def standard_gamma(shape: float, size: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    """Draws from the gamma law of scale 1 by the squeeze of Marsaglia and Tsang (2000).

    Example:
        >>> bool((standard_gamma(0.5, (100,), torch.Generator().manual_seed(0)) >= 0).all())
        True
    """
    boost = shape < 1.0
    d = (shape + 1.0 if boost else shape) - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    count = math.prod(size)
    found = torch.empty(0, dtype=torch.float64)
    while found.numel() < count:
        need = int((count - found.numel()) * 1.1) + 16
        x = torch.randn(need, dtype=torch.float64, generator=generator)
        u = torch.rand(need, dtype=torch.float64, generator=generator)
        v = (1.0 + c * x).pow(3)
        accept = (v > 0) & (torch.log(u) < 0.5 * x.square() + d - d * v + d * torch.log(v.clamp(min=TINY)))
        found = torch.cat([found, (d * v)[accept]])
    found = found[:count].reshape(size)
    if boost:
        found = found * torch.rand(size, dtype=torch.float64, generator=generator).pow(1.0 / shape)
    return found
