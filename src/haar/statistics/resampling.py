"""The bootstrap: independent units drawn with replacement, again and again."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


class Resampler:
    """How often every unit was drawn in every draw; whatever is a function of sums over units follows from that.

    Args:
        units: Number of independent units.
        draws: Number of draws.
        level: Coverage of the intervals.
        generator: Where the draws come from.

    Attributes:
        counts: How often each unit was drawn, in float64.

    Example:
        >>> drawn = Resampler(3, draws=100, generator=torch.Generator().manual_seed(0))
        >>> means = drawn.sums(torch.tensor([1.0, 2.0, 3.0]).double()) / 3
        >>> low, high = drawn.interval(means)
        >>> bool(1 <= low < 2 < high <= 3)
        True
    """

    counts: Float[Tensor, "draws units"]

    def __init__(self, units: int, *, draws: int, level: float = 0.95, generator: torch.Generator) -> None:
        chosen = torch.randint(units, (draws, units), generator=generator)
        counts = torch.zeros(draws, units, dtype=torch.float64)
        self.counts, self.level = counts.scatter_add_(1, chosen, torch.ones_like(chosen, dtype=torch.float64)), level

    def sums(self, by_unit: Float[Tensor, "units *shape"]) -> Float[Tensor, "draws *shape"]:
        """Sums over the units of every draw."""
        found: Tensor = torch.tensordot(self.counts, by_unit, dims=1)
        return found

    def interval(self, found: Float[Tensor, "draws *shape"]) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
        """Percentiles of what was computed of every draw."""
        return found.quantile((1 - self.level) / 2, dim=0), found.quantile((1 + self.level) / 2, dim=0)
