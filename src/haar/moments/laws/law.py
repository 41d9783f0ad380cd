"""A law of one variable: what every law can say about itself."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction

import torch
from jaxtyping import Float
from scipy import integrate
from torch import Tensor

from haar.errors import ArgumentError, HaarError
from haar.moments.cumulants import to_moments

Exact = int | float | Fraction


class UndefinedCumulantError(HaarError, ArithmeticError):
    """A cumulant is asked for that the law does not have (its integral diverges)."""


class Law(ABC):
    """A law of one real variable.

    Example:
        >>> from haar.moments.laws import Rademacher
        >>> [int(Rademacher().cumulant(n)) for n in range(1, 7)]
        [0, 1, 0, -2, 0, 16]
    """

    name: str

    @abstractmethod
    def cumulant(self, n: int) -> Exact | None:
        """The n-th cumulant (n >= 1), exact where it is rational, or None if it does not exist."""

    @abstractmethod
    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Independent draws, float64."""

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Probability density.

        Raises:
            ArgumentError: If the law has none (it sits on points).
        """
        way_out = f"sample it, or take its probabilities (asked at {x.numel()} points)"
        raise ArgumentError(
            "law", expected="a law with a density", got=f"{self.name}, which sits on points", way_out=way_out
        )

    def __repr__(self) -> str:
        return self.name

    def require(self, n: int) -> float:
        """The n-th cumulant as a number.

        Raises:
            UndefinedCumulantError: If it does not exist, or is larger than float64 holds.
        """
        try:
            value = self.cumulant(n)
            number = None if value is None else float(value)
        except OverflowError:
            number = math.inf
        if number is None:
            raise UndefinedCumulantError(f"cumulant {n} of {self.name} is undefined: its integral diverges")
        if not math.isfinite(number):
            raise UndefinedCumulantError(f"cumulant {n} of {self.name} is larger than float64 holds")
        return number

    def moment(self, n: int) -> Exact | None:
        """The n-th raw moment, or None if it does not exist."""
        cumulants = [self.cumulant(k) for k in range(1, n + 1)]
        if any(k is None for k in cumulants):
            return None
        found: Exact = to_moments(cumulants)[-1] if n else 1
        return found

    @property
    def normal(self) -> bool:
        """Whether the law is exactly normal."""
        return False

    def absolute_third(self) -> float | None:
        """E|x - mean|^3, or None if it does not exist; by adaptive quadrature of the density."""
        if self.cumulant(3) is None:
            return None
        mean = self.require(1)

        def integrand(x: float) -> float:
            return abs(x - mean) ** 3 * float(self.density(torch.tensor(x, dtype=torch.float64)))

        return float(
            sum(integrate.quad(integrand, *ends, limit=200)[0] for ends in ((-math.inf, mean), (mean, math.inf)))
        )

    def scaled_sum(self, b: int, index: float | int = 2.0) -> Law:
        """The law of b^(-1/index) (x_1 + ... + x_b): one step of the renormalisation map.

        Args:
            b: Number of independent copies, >= 1.
            index: 2 for the central limit theorem.

        Raises:
            ArgumentError: If b < 1 or the index is not positive.
        """
        from haar.moments.laws.transformed import ScaledSum

        return ScaledSum(self, b, index)

    def affine(self, scale: float | int, shift: float | int) -> Law:
        """The law of scale * x + shift."""
        from haar.moments.laws.transformed import Shifted

        return Shifted(self, scale, shift)
