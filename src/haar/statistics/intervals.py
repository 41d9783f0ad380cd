"""Numbers with their intervals: ratios of sums over independent units, and medians of few numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from jaxtyping import Float
from torch import Tensor

#: From fewer independent units no interval is told, and nothing is certain.
FEWEST = 5


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: Point estimate of the quantity.
        low: Lower end of the interval; NaN where there are too few independent units for one.
        high: Upper end of the interval.
    """

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Plain numbers."""
        return {"value": self.value, "low": self.low, "high": self.high}

    @property
    def interval(self) -> str:
        """The interval in words."""
        return "no interval" if math.isnan(self.low) else f"[{self.low:.3g}, {self.high:.3g}]"

    def over(self, unit: float) -> Estimate:
        """The same in another unit."""
        return Estimate(self.value / unit, self.low / unit, self.high / unit)

    def __format__(self, spec: str) -> str:
        spec = spec or ".3g"
        if math.isnan(self.low):
            return f"{self.value:{spec}} (no interval)"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        """The value and its interval."""
        return format(self)


def ratio(
    top: Float[Tensor, " rows"],
    bottom: Float[Tensor, " rows"],
    *,
    root: bool = False,
    least: float = -math.inf,
    level: float = 0.95,
) -> Estimate:
    """sum(top) / sum(bottom) over independent rows, with its interval.

    The interval is value -+ t s: s the standard error of the ratio by its linearisation (the delta method), t the
    quantile of Student's law for the number of rows. It depends on no order and no numbering of the rows.

    Args:
        top: One sum a row.
        bottom: The same; rows where it is 0 take no part.
        root: Tell the square root of the ratio.
        least: A bound of the ratio from below that is known beforehand.
        level: Coverage of the interval.

    Example:
        >>> import torch
        >>> print(f"{ratio(torch.tensor([1.0, 3, 2, 2, 2]).double(), torch.ones(5).double())}")
        2 [1.12, 2.88]
    """
    taken = bottom != 0
    top, bottom = top[taken], bottom[taken]
    count = len(top)
    if not count:
        return Estimate(math.nan, math.nan, math.nan)
    value = float(top.sum() / bottom.sum())
    ends = [math.nan, math.nan]
    if count >= FEWEST:
        from scipy.special import stdtrit

        influence = (top - value * bottom) * (count / bottom.sum())
        error = math.sqrt(float(influence.square().sum()) / (count * (count - 1)))
        reach = float(stdtrit(count - 1, (1 + level) / 2)) * error
        ends = [max(value - reach, least), max(value + reach, least)]
    values = [value, *ends]
    if root:
        values = [math.sqrt(max(v, 0.0)) for v in values]  # of NaN and 0 the first, which is NaN
    return Estimate(*values)


def median_interval(values: Sequence[float], level: float = 0.95) -> Estimate:
    """The median of independent numbers, between two of them.

    The law's own median lies between the k-th smallest and the k-th largest of n numbers with probability
    1 - 2 P(Binomial(n, 1/2) < k), whatever the law is. The largest k with that coverage is taken; from fewer than six
    numbers none reaches 95 %, and the interval is from the least to the greatest.

    Args:
        values: Numbers, at least one; of one that is NaN nobody knows where it stands, and all is NaN.
        level: Coverage that is wanted, such as 0.95.

    Example:
        >>> print(f"{median_interval([3.0, 1.0, 2.0])}")
        2 [1, 3]
        >>> print(f"{median_interval([float(n) for n in range(1, 21)])}")
        10.5 [6, 15]

    Source: Thompson 1936; David and Nagaraja, Order Statistics, section 7.1.
    """
    ordered, n = sorted(map(float, values)), len(values)
    if any(map(math.isnan, ordered)):
        return Estimate(math.nan, math.nan, math.nan)
    below, k = 1, 1  # number of the 2^n patterns of signs with fewer than k numbers below the median
    while 2 * k < n and 2 * (below + math.comb(n, k)) <= (1 - level) * 2**n:  # the middle is the end
        below, k = below + math.comb(n, k), k + 1
    return Estimate(median(ordered), ordered[k - 1], ordered[n - k])


def spread(values: Iterable[float]) -> Estimate:
    """Median, least and greatest of numbers; NaN if one of them is, or there is none.

    Args:
        values: Numbers, one for each seed.

    Example:
        >>> print(f"{spread([3.0, 1.0, 2.0])} / {spread([1.0, math.nan])}")
        2 [1, 3] / nan (no interval)
    """
    ordered = sorted(map(float, values))
    if not ordered or any(map(math.isnan, ordered)):
        return Estimate(math.nan, math.nan, math.nan)
    return Estimate(median(ordered), ordered[0], ordered[-1])
