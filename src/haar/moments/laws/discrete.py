"""Laws on points: finitely many values, a fair sign, Poisson counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.cumulants import to_cumulants
from haar.moments.laws.arithmetic import Exact, checked_order, sizes
from haar.moments.laws.law import Law


class Discrete(Law):
    """Finitely many values; everything is exact if values and probabilities are rational.

    Args:
        values: Values that the variable takes.
        probabilities: Their probabilities, which must sum to 1.
        name: Name of it in tables.

    Raises:
        ArgumentError: If the probabilities are not a law on these values.

    Example:
        >>> Discrete((0, 1), (Fraction(1, 4), Fraction(3, 4))).cumulant(2)
        Fraction(3, 16)
    """

    def __init__(self, values: Sequence[Exact], probabilities: Sequence[Exact], name: str = "discrete") -> None:
        total = float(sum(probabilities))
        if (
            len(values) != len(probabilities)
            or not values
            or min(map(float, probabilities)) < 0
            or not abs(total - 1) <= 1e-12
        ):
            raise ArgumentError("probabilities", expected="one >= 0 per value, with sum 1", got=f"sum {total:g}")
        if not all(math.isfinite(value) for value in values):
            raise ArgumentError("values", expected="finite numbers", got=", ".join(map(str, values)))
        self.values, self.probabilities, self.name = tuple(values), tuple(probabilities), name

    def moment(self, n: int) -> Exact:
        """Sum over the values."""
        found: Exact = 0
        for value, probability in zip(self.values, self.probabilities, strict=True):
            found = found + probability * value**n
        return found

    def cumulant(self, n: int) -> Exact:
        """From the moments."""
        found: Exact = to_cumulants([self.moment(k) for k in range(1, checked_order(n) + 1)])[-1]
        return found

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws."""
        edges = torch.tensor([float(p) for p in self.probabilities], dtype=torch.float64).cumsum(0)[:-1]
        at = torch.bucketize(torch.rand(sizes(shape), dtype=torch.float64, generator=generator), edges, right=True)
        return torch.tensor([float(v) for v in self.values], dtype=torch.float64)[at]

    def absolute_third(self) -> float:
        """Sum over the values."""
        mean = float(self.cumulant(1))
        pairs = zip(self.values, self.probabilities, strict=True)
        return sum(float(p) * math.pow(abs(float(v) - mean), 3) for v, p in pairs)


class Rademacher(Discrete):
    """A fair sign.

    Example:
        >>> Rademacher().absolute_third()
        1.0
    """

    def __init__(self) -> None:
        super().__init__((-1, 1), (Fraction(1, 2), Fraction(1, 2)), "rademacher")


class Poisson(Law):
    """Poisson counts: every cumulant equals the rate.

    Example:
        >>> Poisson(3).cumulant(7)
        3
    """

    def __init__(self, rate: Exact = 1) -> None:
        if not 0 < rate < math.inf:
            raise ArgumentError("rate", expected="a number > 0", got=rate)
        self.rate, self.name = rate, f"poisson({float(rate):g})"

    def cumulant(self, n: int) -> Exact:
        """The rate."""
        checked_order(n)
        return self.rate

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws."""
        return torch.poisson(torch.full(sizes(shape), float(self.rate), dtype=torch.float64), generator=generator)

    def absolute_third(self) -> float:
        """Sum over the counts that matter."""
        rate = float(self.rate)
        top = int(rate + 40 * math.sqrt(rate) + 40)
        weights = (math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) * abs(k - rate) ** 3 for k in range(top))
        return sum(weights)
