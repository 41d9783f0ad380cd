r"""Dyson's hierarchical model: a renormalisation map of laws with an interaction, and its non-Gaussian fixed point.

Blocks of two merge as in the central limit theorem and are then weighted with their interaction. For the law p of the
rescaled block spin, p'(m) ~ exp(beta m^2 / 2) int p(m/sqrt(c) + u) p(m/sqrt(c) - u) du, 1 < c < 2; c = 2^(1 - 2/d)
imitates d dimensions. For beta = 0 and c = 2 it is the map of sums of two. In characteristic functions, as a series
R(k) = 1 + a_1 k^2 + a_2 k^4 + ..., the map is R'(k) ~ exp(-beta/2 d^2/dk^2) R(sqrt(c) k / 2)^2, and the truncated
series converge fast.

Around the Gaussian fixed point the eigenvalues on even perturbations of degree n are 2 c^(-n/2): with c = 2 those of
the central limit theorem, 2^(1 - n/2).

Source: Dyson, Commun. Math. Phys. 12 (1969) 91; Collet and Eckmann, Lecture Notes in Physics 74 (1978); the algebra of
truncated series: Godina, Meurice and Oktay (1998 and later).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

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
    terms: int = 24

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
            series: Coefficients a_1..a_terms of the law.
            beta: Inverse temperature of the coupling.
        """
        n = self.terms
        whole = torch.cat([series.new_ones(1), series]) * self._shrink
        square = torch.nn.functional.conv1d(whole[None, None], whole.flip(0)[None, None], padding=n)[0, 0]
        made = (torch.as_tensor(-0.5 * beta, dtype=torch.float64).pow(self._degrees) * self._lowering) @ square
        return made[1:] / made[0]

    @cached_property
    def _shrink(self) -> Tensor:
        """(c/4)^l: the dilation R(sqrt(c) k / 2)."""
        return (self.c / 4.0) ** torch.arange(self.terms + 1, dtype=torch.float64)

    @cached_property
    def _degrees(self) -> Tensor:
        """How often, j - i, the second derivative must act to bring k^(2j) down to k^(2i)."""
        n = self.terms
        away = torch.arange(2 * n + 1, dtype=torch.float64) - torch.arange(n + 1, dtype=torch.float64)[:, None]
        return away.clamp(min=0.0)

    @cached_property
    def _lowering(self) -> Tensor:
        """What d^(2(j-i)) / (j-i)! makes of k^(2j): (2j)! / ((2i)! (j-i)!)."""
        n = self.terms
        j, i = torch.arange(2 * n + 1, dtype=torch.float64), torch.arange(n + 1, dtype=torch.float64)[:, None]
        found = torch.exp(torch.lgamma(2 * j + 1) - torch.lgamma(2 * i + 1) - torch.lgamma(self._degrees + 1))
        kept: Tensor = torch.where(j >= i, found, 0.0)
        return kept

    def critical_beta(self, start: Float[Tensor, "terms"] | None = None) -> float:
        """The critical inverse temperature, by bisection: the block spin's variance dies out below it, grows above it.

        Args:
            start: Law of a single spin; Ising spins by default.

        Raises:
            HaarError: If no transition lies in 0 < beta < 10.

        Example:
            >>> round(HierarchicalModel(3.0, 24).critical_beta(), 6)
            1.17903
        """
        series = self.ising() if start is None else start
        low, high = 0.0, 10.0
        if self._grows(series, low) or not self._grows(series, high):
            raise HaarError(f"no transition in 0 < beta < 10 for dimension {self.dimension:g}")
        while high - low > 1e-15 * high:
            middle = 0.5 * (low + high)
            if middle in (low, high):
                break
            low, high = (low, middle) if self._grows(series, middle) else (middle, high)
        return 0.5 * (low + high)

    def _grows(self, series: Tensor, beta: float) -> bool:
        first = float(self.step(series, beta)[0])
        for _ in range(400):
            series = self.step(series, beta)
            share = float(series[0]) / first
            if not math.isfinite(share) or share > 2.0 or share < 0.0:
                return True
            if share < 0.1:
                return False
        return False

    def fixed_point(self) -> tuple[Float[Tensor, "terms"], float]:
        """The non-Gaussian fixed point, at the critical temperature of Ising spins (which sets the unit of the field).

        The critical flow approaches it; Newton's method does the rest.

        Returns:
            The series, and beta.

        Raises:
            HaarError: If Newton's method does not settle (from four dimensions on there is no such point).

        Example:
            >>> model = HierarchicalModel(3.0)
            >>> round(susceptibility_exponent(model.eigenvalues(*model.fixed_point())[0].item(), model.c), 6)
            1.299141
        """
        beta = self.critical_beta()
        series = self.ising()
        best, gap = series, math.inf
        for _ in range(60):
            after = self.step(series, beta)
            moved = abs(float(after[0] - series[0]))
            if moved < gap:
                best, gap = after, moved
            series = after
        eye = torch.eye(self.terms, dtype=torch.float64)
        for _ in range(30):
            residual = self.step(best, beta) - best
            gap = float(residual.abs().max())
            if not 1e-16 < gap < 1e3:
                break
            best = best - torch.linalg.solve(self._jacobian(best, beta) - eye, residual)
        far = float((best - self.gaussian_fixed_point(beta)).abs().max())
        if not gap < 1e-9 or far < 1e-6:
            raise HaarError(f"no non-Gaussian fixed point found for dimension {self.dimension:g} (residual {gap:.2g})")
        return best, beta

    def eigenvalues(self, series: Float[Tensor, "terms"], beta: float) -> Float[Tensor, "terms"]:
        """Eigenvalues of the map at a fixed point, largest first (real parts; they are real up to truncation).

        A term of degree n needs many more terms than n / 2 around a Gaussian: compare two truncations.

        Example:
            >>> model = HierarchicalModel(4.0, 32)
            >>> found = model.eigenvalues(model.gaussian_fixed_point(), 1.0)
            >>> found[:3].round(decimals=5).tolist()  # 2 c^(-n/2), n = 2, 4, 6
            [1.41421, 1.0, 0.70711]
        """
        values: Tensor = torch.linalg.eigvals(self._jacobian(series, beta)).real.sort(descending=True).values
        return values

    def _jacobian(self, series: Tensor, beta: float) -> Tensor:
        found: Tensor = jacrev(lambda a: self.step(a, beta))(series)
        return found


def susceptibility_exponent(relevant: float | int, c: float | int) -> float:
    """Exponent gamma = ln(2/c) / ln lambda_1: how the susceptibility diverges at the critical temperature.

    Example:
        >>> susceptibility_exponent(2 / 1.5, 1.5)  # the Gaussian fixed point: mean-field
        1.0
    """
    return math.log(2.0 / c) / math.log(relevant)
