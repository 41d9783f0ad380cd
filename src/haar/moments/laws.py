"""Laws of one variable with exact cumulants: what exists is exact, what does not exist is None and never a sample value."""

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
from haar.moments.cumulants import to_cumulants, to_moments

Exact = int | float | Fraction


class UndefinedCumulantError(HaarError, ArithmeticError):
    """A cumulant is asked for that the law does not have (its integral diverges)."""


class Law(ABC):
    """A law of one real variable.

    Example:
        >>> [Rademacher().cumulant(n) for n in range(1, 7)]
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
        raise ArgumentError("law", expected="a law with a density", got=f"{self.name}, which sits on points")

    def __repr__(self) -> str:
        return self.name

    def require(self, n: int) -> float:
        """The n-th cumulant as a number.

        Raises:
            UndefinedCumulantError: If it does not exist.
        """
        value = self.cumulant(n)
        if value is None:
            raise UndefinedCumulantError(f"cumulant {n} of {self.name} is undefined: its integral diverges")
        return float(value)

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

        return float(sum(integrate.quad(integrand, *ends, limit=200)[0] for ends in ((-math.inf, mean), (mean, math.inf))))

    def scaled_sum(self, b: int, index: float = 2.0) -> Law:
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


class Normal(Law):
    """N(mean, sd^2).

    Example:
        >>> Normal().cumulant(4)
        0
    """

    def __init__(self, mean: Exact = 0, sd: Exact = 1) -> None:
        if sd < 0:
            raise ArgumentError("sd", expected="a number >= 0", got=sd)
        self.mean, self.sd = mean, sd
        self.name = "normal" if (mean, sd) == (0, 1) else f"normal({float(mean):g}, {float(sd):g})"

    def cumulant(self, n: int) -> Exact:
        """Mean, variance, then zero."""
        return {1: self.mean, 2: self.sd**2}.get(_order(n), 0)

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws."""
        return float(self.mean) + float(self.sd) * torch.randn(_shape(shape), dtype=torch.float64, generator=generator)

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

    def scaled_sum(self, b: int, index: float = 2.0) -> Normal:
        """Again normal; N(0, sd^2) is fixed for index 2."""
        _check_sum(b, index)
        gain = _power(b, Fraction(1) - Fraction(1) / Fraction(index).limit_denominator())
        spread = _power(b, Fraction(1, 2) - Fraction(1) / Fraction(index).limit_denominator())
        return Normal(self.mean * gain if self.mean else self.mean, self.sd * spread)


class Uniform(Law):
    """Uniform on [-half, half]; half = sqrt(3) by default, so that the variance is 1.

    Example:
        >>> Uniform().cumulant(4)
        Fraction(-6, 5)
    """

    name = "uniform"

    def __init__(self, half_squared: Exact = 3) -> None:
        if half_squared <= 0:
            raise ArgumentError("half_squared", expected="a number > 0", got=half_squared)
        self.half_squared = half_squared

    def cumulant(self, n: int) -> Exact:
        """B_n (2 half)^n / n with the Bernoulli numbers."""
        if _order(n) % 2:
            return 0
        return _bernoulli(n) / n * (4 * _rational(self.half_squared)) ** (n // 2)

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws."""
        half = math.sqrt(self.half_squared)
        return half * (2.0 * torch.rand(_shape(shape), dtype=torch.float64, generator=generator) - 1.0)

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Constant inside."""
        half = math.sqrt(self.half_squared)
        return torch.where(x.abs() <= half, 0.5 / half, 0.0).to(x)

    def absolute_third(self) -> float:
        """half^3 / 4."""
        return float(self.half_squared) ** 1.5 / 4.0


class Laplace(Law):
    """Two-sided exponential of variance 1.

    Example:
        >>> Laplace().cumulant(4)
        Fraction(3, 1)
    """

    name = "laplace"

    def cumulant(self, n: int) -> Exact:
        """2 (n-1)! 2^(-n/2) for even n."""
        return 0 if _order(n) % 2 else Fraction(2 * math.factorial(n - 1), 2 ** (n // 2))

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Difference of two exponentials."""
        both = torch.rand((2, *_shape(shape)), dtype=torch.float64, generator=generator)
        first, second = -torch.log1p(-both)
        return (first - second) / math.sqrt(2.0)

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """exp(-sqrt 2 |x|) / sqrt 2."""
        return torch.exp(-math.sqrt(2.0) * x.abs()) / math.sqrt(2.0)

    def absolute_third(self) -> float:
        """6 / 2^(3/2)."""
        return 6.0 / 2.0**1.5


class Gamma(Law):
    """Gamma of a given shape and scale, shifted to mean zero unless told otherwise.

    Example:
        >>> Gamma(3, 2).cumulant(3)
        48
    """

    def __init__(self, shape: Exact, scale: Exact = 1, *, centred: bool = True) -> None:
        if shape <= 0 or scale <= 0:
            raise ArgumentError("shape, scale", expected="numbers > 0", got=f"{shape}, {scale}")
        self.shape, self.scale, self.centred = shape, scale, centred
        self.name = f"gamma({float(shape):g}, {float(scale):g})"

    def cumulant(self, n: int) -> Exact:
        """Shape scale^n (n-1)!."""
        if _order(n) == 1 and self.centred:
            return 0
        return self.shape * self.scale**n * math.factorial(n - 1)

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws by the squeeze of Marsaglia and Tsang (2000)."""
        found = _standard_gamma(float(self.shape), _shape(shape), generator) * float(self.scale)
        return found - float(self.shape * self.scale) if self.centred else found

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Zero left of the start."""
        a, th = float(self.shape), float(self.scale)
        y = x + a * th if self.centred else x
        safe = y.clamp(min=1e-300)
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


class Discrete(Law):
    """Finitely many values; everything is exact if values and probabilities are rational.

    Args:
        values: The values.
        probabilities: Their probabilities, which must sum to 1.
        name: What tables call it.

    Raises:
        ArgumentError: If the probabilities are not a law on these values.

    Example:
        >>> Discrete((0, 1), (Fraction(1, 4), Fraction(3, 4))).cumulant(2)
        Fraction(3, 16)
    """

    def __init__(self, values: Sequence[Exact], probabilities: Sequence[Exact], name: str = "discrete") -> None:
        total = sum(probabilities)
        if len(values) != len(probabilities) or not values or min(probabilities) < 0 or abs(total - 1) > 1e-12:
            raise ArgumentError("probabilities", expected="one >= 0 per value, with sum 1", got=f"sum {float(total):g}")
        self.values, self.probabilities, self.name = tuple(values), tuple(probabilities), name

    def moment(self, n: int) -> Exact:
        """Sum over the values."""
        return sum(p * v**n for v, p in zip(self.values, self.probabilities, strict=True))

    def cumulant(self, n: int) -> Exact:
        """From the moments."""
        found: Exact = to_cumulants([self.moment(k) for k in range(1, _order(n) + 1)])[-1]
        return found

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws."""
        edges = torch.tensor([float(p) for p in self.probabilities], dtype=torch.float64).cumsum(0)[:-1]
        at = torch.bucketize(torch.rand(_shape(shape), dtype=torch.float64, generator=generator), edges, right=True)
        return torch.tensor([float(v) for v in self.values], dtype=torch.float64)[at]

    def absolute_third(self) -> float:
        """Sum over the values."""
        mean = self.cumulant(1)
        return float(sum(p * abs(v - mean) ** 3 for v, p in zip(self.values, self.probabilities, strict=True)))


class Rademacher(Discrete):
    """A fair sign.

    Example:
        >>> Rademacher().absolute_third()
        1.0
    """

    def __init__(self) -> None:
        super().__init__((-1, 1), (Fraction(1, 2), Fraction(1, 2)), "rademacher")


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
        sign = Rademacher().cumulant(_order(n))
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
        if nu <= 2:
            raise ArgumentError("nu", expected="more than 2 degrees of freedom (finite variance)", got=nu)
        self.nu = nu
        self.name = f"t{float(nu):g}"

    def moment(self, n: int) -> Exact | None:
        """(nu-2)^k prod (2i-1)/(nu-2i) for n = 2k < nu."""
        if n >= self.nu:
            return None
        if n % 2:
            return 0
        nu = _rational(self.nu)
        found: Exact = 1
        for i in range(1, n // 2 + 1):
            found = found * (nu - 2) * (2 * i - 1) / (nu - 2 * i)
        return found

    def cumulant(self, n: int) -> Exact | None:
        """From the moments, where they exist."""
        if _order(n) >= self.nu:
            return None
        found: Exact = to_cumulants([self.moment(k) for k in range(1, n + 1)])[-1]
        return found

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Normal over the root of a gamma."""
        nu = float(self.nu)
        top = Normal().sample(shape, generator)
        chi = 2.0 * _standard_gamma(nu / 2.0, _shape(shape), generator)
        return top / (chi / nu).sqrt() * math.sqrt((nu - 2.0) / nu)

    def density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Power tails."""
        nu = float(self.nu)
        log = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(math.pi * (nu - 2))
        return torch.exp(log - (nu + 1) / 2 * torch.log1p(x.square() / (nu - 2)))


class Poisson(Law):
    """Poisson counts: every cumulant equals the rate.

    Example:
        >>> Poisson(3).cumulant(7)
        3
    """

    def __init__(self, rate: Exact = 1) -> None:
        if rate <= 0:
            raise ArgumentError("rate", expected="a number > 0", got=rate)
        self.rate, self.name = rate, f"poisson({float(rate):g})"

    def cumulant(self, n: int) -> Exact:
        """The rate."""
        _order(n)
        return self.rate

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws."""
        return torch.poisson(torch.full(_shape(shape), float(self.rate), dtype=torch.float64), generator=generator)

    def absolute_third(self) -> float:
        """Sum over the counts that matter."""
        rate = float(self.rate)
        top = int(rate + 40 * math.sqrt(rate) + 40)
        weights = (math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) * abs(k - rate) ** 3 for k in range(top))
        return sum(weights)


class SymmetricStable(Law):
    """Characteristic function exp(-|t|^alpha), 0 < alpha <= 2: fixed under sums scaled by b^(-1/alpha); alpha = 2 is N(0, 2).

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
            return 2 if _order(n) == 2 else 0
        return 0 if _order(n) == 1 and self.alpha > 1 else None

    @property
    def normal(self) -> bool:
        """Only for alpha = 2."""
        return self.alpha == 2.0

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws by the formula of Chambers, Mallows and Stuck (1976)."""
        a = self.alpha
        both = torch.rand((2, *_shape(shape)), dtype=torch.float64, generator=generator)
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

    def scaled_sum(self, b: int, index: float = 2.0) -> Law:
        """Itself if the index is alpha."""
        _check_sum(b, index)
        return self if index == self.alpha else ScaledSum(self, b, index)


class Shifted(Law):
    """The law of scale * x + shift."""

    def __init__(self, law: Law, scale: Exact, shift: Exact) -> None:
        if scale == 0:
            raise ArgumentError("scale", expected="a number other than 0", got=scale)
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
        return None if inner is None else inner * abs(float(self.scale)) ** 3


class ScaledSum(Law):
    """The law of b^(-1/index) times a sum of b independent copies.

    Example:
        >>> Exponential().scaled_sum(4).cumulant(3), Laplace().scaled_sum(2).cumulant(4)
        (Fraction(1, 1), Fraction(3, 2))
    """

    def __init__(self, law: Law, b: int, index: float = 2.0) -> None:
        _check_sum(b, index)
        self.law, self.b, self.index = law, b, float(index)
        self.name = f"{law.name}^({b})" + ("" if index == 2.0 else f"/{index:g}")

    def cumulant(self, n: int) -> Exact | None:
        """b^(1 - n/index) k_n: the renormalisation map is diagonal on cumulants."""
        inner = self.law.cumulant(_order(n))
        if inner is None or inner == 0:
            return inner
        return inner * _power(self.b, 1 - Fraction(n) / Fraction(self.index).limit_denominator())

    @property
    def normal(self) -> bool:
        """As the inner law."""
        return self.law.normal

    def scaled_sum(self, b: int, index: float = 2.0) -> Law:
        """Steps of the same index compose: T_b T_c = T_bc."""
        return ScaledSum(self.law, self.b * b, index) if index == self.index else ScaledSum(self, b, index)

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> Float[Tensor, "..."]:
        """Draws."""
        total = torch.zeros(_shape(shape), dtype=torch.float64)
        for _ in range(self.b):
            total = total + self.law.sample(shape, generator)
        return total / self.b ** (1.0 / self.index)

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
        gain = self.b ** (1.0 / self.index)
        at = ((x.to(torch.float64) * gain - self.b * mean + reach) / step).clamp(0, count - 2)
        left = at.floor().long()
        found = torch.lerp(summed[left], summed[left + 1], at - left)
        return (found.clamp(min=0.0) * gain).to(x)


def _order(n: int) -> int:
    if n < 1:
        raise ArgumentError("n", expected="an order >= 1", got=n)
    return n


def _check_sum(b: int, index: float) -> None:
    if b < 1:
        raise ArgumentError("b", expected="at least one copy", got=b)
    if index <= 0:
        raise ArgumentError("index", expected="a number > 0", got=index)


def _shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _rational(value: Exact) -> Exact:
    return Fraction(value) if isinstance(value, int) else value


def _power(base: int, exponent: Fraction) -> Exact:
    """base^exponent, exact where it is rational."""
    root = round(base ** (1.0 / exponent.denominator))
    if root**exponent.denominator == base:
        return Fraction(root) ** exponent.numerator
    return float(base) ** float(exponent)


def _bernoulli(n: int) -> Fraction:
    """Bernoulli number B_n by its recurrence."""
    found = [Fraction(1)]
    for m in range(1, n + 1):
        found.append(-sum((math.comb(m + 1, k) * found[k] for k in range(m)), Fraction(0)) / (m + 1))
    return found[n]


def _standard_gamma(shape: float, size: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    boost = shape < 1.0
    d = (shape + 1.0 if boost else shape) - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    count = math.prod(size)
    found = torch.empty(0, dtype=torch.float64)
    while found.numel() < count:
        need = int((count - found.numel()) * 1.1) + 16
        x = torch.randn(need, dtype=torch.float64, generator=generator)
        u = torch.rand(need, dtype=torch.float64, generator=generator)
        v = (1.0 + c * x).pow(3)
        accept = (v > 0) & (torch.log(u) < 0.5 * x.square() + d - d * v + d * torch.log(v.clamp(min=1e-300)))
        found = torch.cat([found, (d * v)[accept]])
    found = found[:count].reshape(size)
    if boost:
        found = found * torch.rand(size, dtype=torch.float64, generator=generator).pow(1.0 / shape)
    return found
