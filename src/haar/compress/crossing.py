"""Tolerance crossing: the level at which a metric is first worse than what is tolerated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from haar.statistics import Estimate

#: A metric may be this share worse than it was before, unless another is asked for.
TOLERANCE = 0.5


@dataclass(frozen=True)
class Crossing:
    """Where a curve leaves what is tolerated.

    Attributes:
        level: The level, with an interval over the data; NaN where no level that was tried is worse. An end of the
            interval that is infinite lies beyond the levels that were tried.
        tolerance: The share that a metric may be worse; for one that was 0 before, what it may be.
        last: The strongest level that was tried.
    """

    level: Estimate
    tolerance: float
    last: float

    @property
    def found(self) -> bool:
        """Whether there is one."""
        return not math.isnan(self.level.value)

    def __str__(self) -> str:
        """In words."""
        return format(self.level, ".3g") if self.found else f"none up to {self.last:g}"


def first_crossing(
    damage: Float[np.ndarray, " points"], worse: Float[np.ndarray, "*draws points"], limit: Float[np.ndarray, "*draws"]
) -> Float[np.ndarray, "*draws"]:
    """Where curves first exceed a limit, linearly between points in the logarithm of the metric.

    Where a point is not positive, as a drift of 0, it is linear in the metric itself. A value that is not finite
    exceeds every limit, and the crossing is then at its point.

    Args:
        damage: Ascending places of the points.
        worse: The metric there, greater for worse.
        limit: What may be.

    Returns:
        The places; infinity where there is none.

    Example:
        >>> float(first_crossing(np.array([0.0, 1.0]), np.array([1.0, np.e**2]), np.array(np.e)))
        0.5
    """
    beyond = ~(worse <= limit[..., None])
    at = beyond.argmax(-1)
    before = np.maximum(at - 1, 0)
    high, low = (np.take_along_axis(worse, k[..., None], -1)[..., 0] for k in (at, before))
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithmic = (low > 0) & (limit > 0)
        share = np.where(
            logarithmic,
            (np.log(limit) - np.log(low)) / (np.log(high) - np.log(low)),
            (limit - low) / (high - low),
        )
    share = np.where(np.isfinite(high) & (at > 0), share, 1.0)
    places = damage[before] + share * (damage[at] - damage[before])
    return np.where(beyond.any(-1), places, np.inf)
