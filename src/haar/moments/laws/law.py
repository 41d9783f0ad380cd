"""A law of one variable: what every law can say about itself, and the laws made of it: shifted, scaled, summed."""

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
from haar.moments.laws.arithmetic import Exact, check_sum, checked_order, exact_power, sizes


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
        return ScaledSum(self, b, index)

    def affine(self, scale: float | int, shift: float | int) -> Law:
        """The law of scale * x + shift."""
        return Shifted(self, scale, shift)


class Shifted(Law):
    """The law of scale * x + shift."""

    def __init__(self, law: Law, scale: Exact, shift: Exact) -> None:
        if scale == 0 or not math.isfinite(scale) or not math.isfinite(shift):
            raise ArgumentError(
                "scale", expected="a number other than 0", got=f"{scale}, shift {shift}" if scale else scale
            )
        self.law, self.scale, self.shift = law, scale, shift
        self.name = f"{float(scale):g}*{law.name}{float(shift):+g}"

    def cumulant(self, n: int) -> Exact | None:
        """scale^n k_n; the shift moves the first."""
        inner = self.law.cumulant(n)
        return None if inner is None else inner * self.scale**n + (self.shift if n == 1 else 0)

    @property
    def normal(self) -> bool:
        """As the inner law."""
        return self.law.normal

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws."""
        return float(self.scale) * self.law.sample(shape, generator) + float(self.shift)

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """By the change of variables."""
        return self.law.density((x - float(self.shift)) / float(self.scale)) / abs(float(self.scale))

    def absolute_third(self) -> float | None:
        """|scale|^3 times the inner one."""
        inner = self.law.absolute_third()
        return None if inner is None else inner * math.pow(abs(float(self.scale)), 3)


class ScaledSum(Law):
    """The law of b^(-1/index) times a sum of b independent copies.

    Example:
        >>> from haar.moments.laws import Exponential, Laplace
        >>> Exponential().scaled_sum(4).cumulant(3), Laplace().scaled_sum(2).cumulant(4)
        (Fraction(1, 1), Fraction(3, 2))
    """

    def __init__(self, law: Law, b: int, index: float | int = 2.0) -> None:
        check_sum(b, index)
        self.law, self.b, self.index = law, b, float(index)
        self.name = f"{law.name}^({b})" + ("" if index == 2.0 else f"/{index:g}")

    def cumulant(self, n: int) -> Exact | None:
        """b^(1 - n/index) k_n: the renormalisation map is diagonal on cumulants."""
        inner = self.law.cumulant(checked_order(n))
        if inner is None or inner == 0:
            return inner
        return inner * exact_power(self.b, 1 - Fraction(n) / Fraction(self.index).limit_denominator())

    @property
    def normal(self) -> bool:
        """As the inner law."""
        return self.law.normal

    def scaled_sum(self, b: int, index: float | int = 2.0) -> Law:
        """Steps of the same index compose: T_b T_c = T_bc."""
        return ScaledSum(self.law, self.b * b, index) if index == self.index else ScaledSum(self, b, index)

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws."""
        total = torch.zeros(sizes(shape), dtype=torch.float64)
        for _ in range(self.b):
            total = total + self.law.sample(shape, generator)
        return total / math.pow(self.b, 1.0 / self.index)

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """By the b-th power of the Fourier transform on a grid of 2^16 points, to about 1e-5."""
        spread = math.sqrt(self.law.require(2))
        mean = self.law.require(1)
        count, reach = 2**16, 40.0 * spread * max(1.0, math.sqrt(self.b))
        step = 2.0 * reach / count
        grid = torch.arange(count, dtype=torch.float64) * step - reach
        inner = self.law.density(grid + mean)
        frequency = torch.fft.fft(torch.fft.ifftshift(inner)) * step
        summed = torch.fft.fftshift(torch.fft.ifft(frequency.pow(self.b)).real) / step
        gain = math.pow(self.b, 1.0 / self.index)
        at = ((x.to(torch.float64) * gain - self.b * mean + reach) / step).clamp(0, count - 2)
        left = at.floor().long()
        found = torch.lerp(summed[left], summed[left + 1], at - left)
        return (found.clamp(min=0.0) * gain).to(x)
