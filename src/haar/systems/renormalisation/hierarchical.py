r"""Dyson's hierarchical model: a renormalisation map of laws with an interaction, and its non-Gaussian fixed point.

Blocks of two merge as in the central limit theorem and are then weighted with their interaction. For the law p of the
rescaled block spin, p'(m) ~ exp(beta m^2 / 2) int p(m/sqrt(c) + u) p(m/sqrt(c) - u) du, 1 < c < 2; c = 2^(1 - 2/d)
imitates d dimensions. For beta = 0 and c = 2 it is the map of sums of two. In characteristic functions, as a series
R(k) = 1 + a_1 k^2 + a_2 k^4 + ..., the map is R'(k) ~ exp(-beta/2 d^2/dk^2) R(sqrt(c) k / 2)^2, and the truncated
series converge fast.

Around the Gaussian fixed point the eigenvalues on even perturbations of degree n are 2 c^(-n/2): with c = 2 those of
the central limit theorem, 2^(1 - n/2).

Source: Dyson, Commun. Math. Phys. 12 (1969) 91; Collet and Eckmann, Lecture Notes in Physics 74 (1978); the algebra of
truncated series: Godina, Meurice, Oktay, Phys. Rev. D 57 (1998) R6581.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import jacrev

from haar.errors import ArgumentError, HaarError


def gaussian_eigenvalue(n: int, c: float | int) -> float:
    """2 c^(-n/2): growth of a perturbation of even degree n of the Gaussian fixed point (the degree n = 0 is the norm).

    Raises:
        ArgumentError: If n is odd or negative.

    Example:
        >>> [round(gaussian_eigenvalue(n, 2), 3) for n in (2, 4, 6)]
        [1.0, 0.5, 0.25]
    """
    if n < 0 or n % 2:
        raise ArgumentError("n", expected="an even degree >= 0", got=n)
    return float(2.0 * c ** (-n / 2))


@dataclass(frozen=True)
class HierarchicalModel:
    """The map on truncated even series R(k) = 1 + sum_l a_l k^(2l).

    Args:
        dimension: d > 2; c = 2^(1 - 2/d).
        terms: How many coefficients a_l are kept.

    Raises:
        ArgumentError: If d <= 2 or there are fewer than two terms.

    Example:
        >>> model = HierarchicalModel(3.0)
        >>> round(model.c, 6)
        1.259921
    """

    dimension: float = 3.0
    terms: int = 40

    def __post_init__(self) -> None:
        if self.dimension <= 2:
            raise ArgumentError("dimension", expected="more than 2 (no phase transition below)", got=self.dimension)
        if self.terms < 2:
            raise ArgumentError("terms", expected="at least 2", got=self.terms)

    @property
    def c(self) -> float:
        """2^(1 - 2/d)."""
        return float(2.0 ** (1.0 - 2.0 / self.dimension))

    def ising(self) -> Float[Tensor, "terms"]:
        """Spins +-1: R(k) = cos k."""
        signs = [(-1.0) ** n / math.factorial(2 * n) for n in range(1, self.terms + 1)]
        return torch.tensor(signs, dtype=torch.float64)

    def gaussian(self, variance: float | int) -> Float[Tensor, "terms"]:
        """R(k) = exp(-variance k^2 / 2)."""
        found = [(-variance / 2) ** n / math.factorial(n) for n in range(1, self.terms + 1)]
        return torch.tensor(found, dtype=torch.float64)

    def gaussian_fixed_point(self, beta: float | int = 1.0) -> Float[Tensor, "terms"]:
        """The Gaussian fixed point: precision beta c / (2 - c), since a precision r becomes 2 r / c - beta."""
        return self.gaussian((2.0 - self.c) / (beta * self.c))

    def step(self, series: Float[Tensor, "terms"], beta: float | Float[Tensor, ""] = 1.0) -> Float[Tensor, "terms"]:
        """One step of the map, normalised to R(0) = 1.

        The square is kept to twice the degree before the weight exp(-beta/2 d^2/dk^2) brings high degrees down.

        Args:
            series: a_1..a_terms.
            beta: Inverse temperature.
        """
        n = self.terms
        whole = torch.cat([series.new_ones(1), series])
        scaled = whole * torch.tensor([(self.c / 4.0) ** l for l in range(n + 1)], dtype=torch.float64)
        square = torch.nn.functional.conv1d(scaled[None, None], scaled.flip(0)[None, None], padding=n)[0, 0]
        exponents = torch.tensor(
            [[j - i if j >= i else 0 for j in range(2 * n + 1)] for i in range(n + 1)], dtype=torch.float64
        )
        raised = torch.as_tensor(-0.5 * beta, dtype=torch.float64).pow(exponents)
        made = (raised * self._lowering()) @ square
        return made[1:] / made[0]

    def _lowering(self) -> Tensor:
        """(2j)! / ((2i)! (j-i)!): what d^(2(j-i)) / (j-i)! makes of k^(2j)."""
        n = self.terms
        rows = [
            [
                math.exp(math.lgamma(2 * j + 1) - math.lgamma(2 * i + 1) - math.lgamma(j - i + 1)) if j >= i else 0.0
                for j in range(2 * n + 1)
            ]
            for i in range(n + 1)
        ]
        return torch.tensor(rows, dtype=torch.float64)
