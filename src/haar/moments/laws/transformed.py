"""Laws made from laws: shifted and scaled, and normalised sums of copies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.laws.arithmetic import check_sum, checked_order, exact_power, sizes
from haar.moments.laws.law import Exact, Law


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
