"""Symmetric stable laws: the fixed points of sums with heavy tails."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from scipy import integrate
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.laws.arithmetic import Exact, check_sum, checked_order, sizes
from haar.moments.laws.law import Law, ScaledSum


class SymmetricStable(Law):
    """Characteristic function exp(-|t|^alpha), 0 < alpha <= 2: fixed under sums scaled by b^(-1/alpha).

    For alpha = 2 it is N(0, 2), for alpha = 1 the Cauchy law.

    Example:
        >>> SymmetricStable(1.5).cumulant(1), SymmetricStable(1.5).cumulant(2)
        (0, None)
    """

    def __init__(self, alpha: float | int) -> None:
        if not 0 < alpha <= 2:
            raise ArgumentError("alpha", expected="an index in (0, 2]", got=alpha)
        self.alpha, self.name = float(alpha), f"stable({alpha:g})"

    def cumulant(self, n: int) -> Exact | None:
        """Zero mean if alpha > 1; nothing higher unless alpha = 2."""
        if self.alpha == 2.0:
            return 2 if checked_order(n) == 2 else 0
        return 0 if checked_order(n) == 1 and self.alpha > 1 else None

    @property
    def normal(self) -> bool:
        """Only for alpha = 2."""
        return self.alpha == 2.0

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws by the formula of Chambers, Mallows and Stuck (1976)."""
        a = self.alpha
        both = torch.rand((2, *sizes(shape)), dtype=torch.float64, generator=generator)
        angle, wait = math.pi * (both[0] - 0.5), -torch.log1p(-both[1])
        front = torch.sin(a * angle) / torch.cos(angle).pow(1.0 / a)
        return front if a == 1.0 else front * (torch.cos((1.0 - a) * angle) / wait).pow((1.0 - a) / a)

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Fourier inversion: (1/pi) integral_0^inf cos(t x) exp(-t^alpha) dt, by adaptive quadrature."""

        def at(value: float) -> float:
            if value == 0.0:
                return math.gamma(1.0 + 1.0 / self.alpha) / math.pi
            top = 40.0 ** (1.0 / self.alpha)
            found = integrate.quad(lambda t: math.exp(-(t**self.alpha)), 0, top, weight="cos", wvar=value, limit=2000)
            return float(found[0]) / math.pi

        return torch.tensor([at(abs(v)) for v in x.reshape(-1).tolist()], dtype=x.dtype).reshape(x.shape)

    def scaled_sum(self, b: int, index: float | int = 2.0) -> Law:
        """Itself if the index is alpha."""
        check_sum(b, index)
        return self if index == self.alpha else ScaledSum(self, b, index)
