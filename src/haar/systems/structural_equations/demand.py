"""The demand design: sales of tickets, whose price answers a shock of demand that is not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from haar.errors import ArgumentError, check_count

#: Kinds of customers, and where prices and times of the year are asked.
KINDS, PRICES, TIMES, STEPS = 7, (10.0, 25.0), (0.0, 10.0), 20
Column = Float[np.ndarray, " rows"]


@dataclass(frozen=True)
class Demand:
    """Rows of the design, and the truth on its grid.

    Attributes:
        x: Price, time of the year, kind of customer; the price alone is endogenous.
        y: Sales.
        z: The cost of fuel, which moves the price and nothing else.
        exogenous: Columns of `x` that are their own instruments: time and kind.
        at: All prices, times and kinds of the grid, as rows like those of `x`.
        truth: What sales would be there, were the price set.
    """

    x: Float[np.ndarray, "rows 3"]
    y: Float[np.ndarray, " rows"]
    z: Float[np.ndarray, "rows 1"]
    exogenous: tuple[int, ...]
    at: Float[np.ndarray, "points 3"]
    truth: Float[np.ndarray, " points"]


def demand(rows: int, *, correlation: float | int = 0.5, seed: int = 0) -> Demand:
    """The design of Hartford and others: the higher the correlation, the more wrong a regression is.

    ``price = 25 + (cost + 3) psi(t) + v`` and ``sales = 100 + (10 + price) s psi(t) - 2 price + e``, where v and e are
    standard normal and correlated, and ``psi(t) = 2 ((t - 5)^4 / 600 + exp(-4 (t - 5)^2) + t / 10 - 2)``.

    Args:
        rows: How many.
        correlation: Of the errors of price and sales.
        seed: Of everything.

    Raises:
        ArgumentError: If there is no row, or the correlation is not within [-1, 1].

    Example:
        >>> made = demand(1000, correlation=0.9)
        >>> made.x.shape, made.at.shape
        ((1000, 3), (2800, 3))

    Source: Hartford, Lewis, Leyton-Brown, Taddy, Deep IV, ICML 2017, section 5.
    """
    check_count("rows", rows)
    if not -1 <= correlation <= 1:
        raise ArgumentError("correlation", expected="within [-1, 1]", got=correlation)
    generator = np.random.default_rng(seed)
    kind = generator.integers(1, KINDS + 1, size=rows).astype(float)
    time = generator.uniform(*TIMES, size=rows)
    cost, v, other = generator.normal(size=(3, rows))
    e = correlation * v + np.sqrt(1 - correlation**2) * other
    price = 25 + (cost + 3) * season(time) + v
    axes = np.linspace(*PRICES, STEPS), np.linspace(*TIMES, STEPS), np.arange(1.0, KINDS + 1)
    at = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    x = np.column_stack([price, time, kind])
    return Demand(x, sales(*x.T) + e, cost[:, None], (1, 2), at, sales(*at.T))


def season(time: Column) -> Column:
    """psi: how demand changes within a year."""
    found: np.ndarray = 2 * ((time - 5) ** 4 / 600 + np.exp(-4 * (time - 5) ** 2) + time / 10 - 2)
    return found


def sales(price: Column, time: Column, kind: Column) -> Column:
    """The structural function."""
    found: np.ndarray = 100 + (10 + price) * kind * season(time) - 2 * price
    return found
