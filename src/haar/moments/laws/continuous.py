"""Laws with a density: normal, uniform, Laplace, gamma, exponential, two bumps, Student."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from haar.constants import TINY
from haar.errors import ArgumentError
from haar.moments.cumulants import to_cumulants
from haar.moments.laws.arithmetic import (
    Exact,
    bernoulli,
    check_sum,
    checked_order,
    exact_power,
    rational,
    sizes,
    standard_gamma,
)
from haar.moments.laws.discrete import Rademacher
from haar.moments.laws.law import Law


class Normal(Law):
    """N(mean, sd^2).

    Example:
        >>> Normal().cumulant(4)
        0
    """

    def __init__(self, mean: Exact = 0, sd: Exact = 1) -> None:
        if not 0 <= sd < math.inf:
            raise ArgumentError("sd", expected="a number >= 0", got=sd)
        if not math.isfinite(mean):
            raise ArgumentError("mean", expected="a finite number", got=mean)
        self.mean, self.sd = mean, sd
        self.name = "normal" if (mean, sd) == (0, 1) else f"normal({float(mean):g}, {float(sd):g})"

    def cumulant(self, n: int) -> Exact:
        """Mean, variance, then zero."""
        return {1: self.mean, 2: self.sd**2}.get(checked_order(n), 0)

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws."""
        return float(self.mean) + float(self.sd) * torch.randn(sizes(shape), dtype=torch.float64, generator=generator)

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The bell curve."""
        sd = float(self.sd)
        return torch.exp(-0.5 * ((x - float(self.mean)) / sd).square()) / (sd * math.sqrt(2 * math.pi))

    @property
    def normal(self) -> bool:
        """True."""
        return True

    def absolute_third(self) -> float:
        """2 sqrt(2/pi) sd^3."""
        return 2.0 * math.sqrt(2.0 / math.pi) * float(self.sd) ** 3

    def scaled_sum(self, b: int, index: float | int = 2.0) -> Normal:
        """Again normal; N(0, sd^2) is fixed for index 2."""
        check_sum(b, index)
        gain = exact_power(b, Fraction(1) - Fraction(1) / Fraction(index).limit_denominator())
        spread = exact_power(b, Fraction(1, 2) - Fraction(1) / Fraction(index).limit_denominator())
        return Normal(self.mean * gain if self.mean else self.mean, self.sd * spread)


class Uniform(Law):
    """Uniform on [-half, half]; half = sqrt(3) by default, so that the variance is 1.

    Example:
        >>> Uniform().cumulant(4)
        Fraction(-6, 5)
    """

    name = "uniform"

    def __init__(self, half_squared: Exact = 3) -> None:
        if not 0 < half_squared < math.inf:
            raise ArgumentError("half_squared", expected="a number > 0", got=half_squared)
        self.half_squared = half_squared

    def cumulant(self, n: int) -> Exact:
        """B_n (2 half)^n / n with the Bernoulli numbers."""
        if checked_order(n) % 2:
            return 0
        return bernoulli(n) / n * (4 * rational(self.half_squared)) ** (n // 2)

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws."""
        half = math.sqrt(self.half_squared)
        return half * (2.0 * torch.rand(sizes(shape), dtype=torch.float64, generator=generator) - 1.0)

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Constant inside."""
        half = math.sqrt(self.half_squared)
        return torch.full_like(x, 0.5 / half).where(x.abs() <= half, torch.zeros_like(x))

    def absolute_third(self) -> float:
        """half^3 / 4."""
        return math.pow(self.half_squared, 1.5) / 4.0


class Laplace(Law):
    """Two-sided exponential of variance 1.

    Example:
        >>> Laplace().cumulant(4)
        Fraction(3, 1)
    """

    name = "laplace"

    def cumulant(self, n: int) -> Exact:
        """2 (n-1)! 2^(-n/2) for even n."""
        return 0 if checked_order(n) % 2 else Fraction(2 * math.factorial(n - 1), 2 ** (n // 2))

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Difference of two exponentials."""
        both = torch.rand((2, *sizes(shape)), dtype=torch.float64, generator=generator)
        waits = torch.log1p(-both)
        return (waits[1] - waits[0]) / math.sqrt(2.0)

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """exp(-sqrt 2 |x|) / sqrt 2."""
        return torch.exp(-math.sqrt(2.0) * x.abs()) / math.sqrt(2.0)

    def absolute_third(self) -> float:
        """6 / 2^(3/2)."""
        return 6.0 / math.pow(2.0, 1.5)


class Gamma(Law):
    """Gamma of a given shape and scale, shifted to mean zero unless told otherwise.

    Example:
        >>> Gamma(3, 2).cumulant(3)
        48
    """

    def __init__(self, shape: Exact, scale: Exact = 1, *, centred: bool = True) -> None:
        if not (0 < shape < math.inf and 0 < scale < math.inf):
            raise ArgumentError("shape, scale", expected="numbers > 0", got=f"{shape}, {scale}")
        self.shape, self.scale, self.centred = shape, scale, centred
        self.name = f"gamma({float(shape):g}, {float(scale):g})"

    def cumulant(self, n: int) -> Exact:
        """Shape scale^n (n-1)!."""
        if checked_order(n) == 1 and self.centred:
            return 0
        return self.shape * self.scale**n * math.factorial(n - 1)

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws by the squeeze of Marsaglia and Tsang (2000)."""
        found = standard_gamma(float(self.shape), sizes(shape), generator) * float(self.scale)
        return found - float(self.shape * self.scale) if self.centred else found

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Zero left of the start."""
        a, th = float(self.shape), float(self.scale)
        y = x + a * th if self.centred else x
        safe = y.clamp(min=TINY)
        log = (a - 1) * torch.log(safe) - safe / th - a * math.log(th) - math.lgamma(a)
        return torch.where(y > 0, torch.exp(log), torch.zeros_like(y))


class Exponential(Gamma):
    """Exponential of mean 1, shifted to mean zero: cumulants (n-1)! for n >= 2.

    Example:
        >>> [Exponential().cumulant(n) for n in range(1, 5)]
        [0, 1, 2, 6]
    """

    def __init__(self) -> None:
        super().__init__(1, 1)
        self.name = "exponential"


class TwoBump(Law):
    """Half of N(m, 1-m^2) and half of N(-m, 1-m^2): variance 1, k4 = -2 m^4.

    Example:
        >>> TwoBump(Fraction(1, 2)).cumulant(4)
        Fraction(-1, 8)
    """

    def __init__(self, m: Exact = Fraction(9, 10)) -> None:
        if not 0 <= m < 1:
            raise ArgumentError("m", expected="a number in [0, 1)", got=m)
        self.m = m
        self.name = f"two_bump({float(m):g})"

    def cumulant(self, n: int) -> Exact:
        """m^n times that of a fair sign, plus the variance of the bumps."""
        sign = Rademacher().cumulant(checked_order(n))
        return sign * self.m**n + (1 - self.m**2 if n == 2 else 0)

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws."""
        width = math.sqrt(1.0 - float(self.m) ** 2)
        return float(self.m) * Rademacher().sample(shape, generator) + width * Normal().sample(shape, generator)

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Two bells."""
        width = math.sqrt(1.0 - float(self.m) ** 2)
        bells = [Normal(s * float(self.m), width).density(x) for s in (1, -1)]
        return 0.5 * (bells[0] + bells[1])


class StudentT(Law):
    """Student's t with `nu` degrees of freedom, scaled to variance 1 (nu > 2); cumulants of order >= nu do not exist.

    Example:
        >>> StudentT(5).cumulant(4), StudentT(5).cumulant(6)
        (Fraction(6, 1), None)
    """

    def __init__(self, nu: Exact = 5) -> None:
        if not 2 < nu < math.inf:
            raise ArgumentError("nu", expected="more than 2 degrees of freedom (finite variance)", got=nu)
        self.nu = nu
        self.name = f"t{float(nu):g}"

    def moment(self, n: int) -> Exact | None:
        """(nu-2)^k prod (2i-1)/(nu-2i) for n = 2k < nu."""
        if n >= self.nu:
            return None
        if n % 2:
            return 0
        nu = rational(self.nu)
        found: Exact = 1
        for i in range(1, n // 2 + 1):
            found = found * (nu - 2) * (2 * i - 1) / (nu - 2 * i)
        return found

    def cumulant(self, n: int) -> Exact | None:
        """From the moments, where they exist."""
        if checked_order(n) >= self.nu:
            return None
        found: Exact = to_cumulants([self.moment(k) for k in range(1, n + 1)])[-1]
        return found

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Normal over the root of a gamma."""
        nu = float(self.nu)
        top = Normal().sample(shape, generator)
        chi = 2.0 * standard_gamma(nu / 2.0, sizes(shape), generator)
        return top / (chi / nu).sqrt() * math.sqrt((nu - 2.0) / nu)

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Power tails."""
        nu = float(self.nu)
        log = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(math.pi * (nu - 2))
        return torch.exp(log - (nu + 1) / 2 * torch.log1p(x.square() / (nu - 2)))
