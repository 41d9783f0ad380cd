"""Smooth activations with closed forms: GELU, erf, sine, polynomials, the exponential."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.constants import TINY
from haar.errors import ArgumentError
from haar.moments.activation import Activation, NormalPair
from haar.moments.normal import FAR, bivariate_cdf, cdf, hermite_polynomials, pdf, price_integral


class Gelu(Activation):
    r"""x Phi(x / sqrt(nu)): GELU for nu = 1; nu -> 0 is ReLU.

    E f = m Phi(m/t) + (s^2/t) phi(m/t) with t^2 = nu + s^2. The pair formula is that of the papers' note, rearranged
    so that no term is singular: with r = s12/(t1 t2), q^2 = 1 - r^2,
    E f(x) f(y) = (m1 m2 + s12) Phi2 + (m2 s11 + nu m1 s12/t1^2) phi(h1) C12/t1 + (m1 s22 + nu m2 s12/t2^2) phi(h2)
    C21/t2 + d [q^2 (t1 t2 - nu (t1/t2 + t2/t1)) + nu^2/(t1 t2)], d the bivariate density at (h1, h2).

    Args:
        nu: Variance of the smoothing, > 0.

    Raises:
        ArgumentError: If `nu` is not positive.

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> round(float(Gelu().hermite(0 * one, one, 0)) * (4 * math.pi) ** 0.5, 12)
        1.0
    """

    def __init__(self, nu: float | int = 1.0) -> None:
        if nu <= 0:
            raise ArgumentError("nu", expected="a variance > 0", got=nu, way_out="relu is the limit 0")
        self.nu = float(nu)
        root = math.sqrt(nu)
        # The largest slope is that of GELU, at sqrt(2 nu).
        steepest = float(cdf(torch.tensor(math.sqrt(2.0)))) + math.sqrt(2.0) * math.exp(-1.0) / math.sqrt(2 * math.pi)
        super().__init__(
            lambda z: z * cdf(z / root), name="gelu", scale=root, smooth=True, lipschitz=steepest * (1 + 1e-6)
        )

    def hermite(
        self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"], order: int
    ) -> Float[Tensor, "*units terms"]:
        """Closed form: f = x times a smoothed step, whose coefficients are Hermite functions of m/t."""
        t = (self.nu + sd.square()).sqrt()
        h, gain = mean / t, sd / t
        weighted = hermite_polynomials(h.clamp(-FAR, FAR), max(order, 1), start=pdf(h))
        # Step: b_0 = Phi(h), b_k = gain^k (-1)^(k-1) He_{k-1}(h) phi(h) / sqrt(k!) (normalised).
        step = [cdf(h)]
        step += [gain**k * (-1) ** (k - 1) * weighted[k - 1] / math.sqrt(k) for k in range(1, order + 2)]
        # x xi-recurrence: x = mean + sd xi, xi H_k = sqrt(k+1) H_{k+1} + sqrt(k) H_{k-1}.
        found = []
        for k in range(order + 1):
            value = mean * step[k] + sd * math.sqrt(k + 1) * step[k + 1]
            found.append(value + sd * math.sqrt(k) * step[k - 1] if k else value)
        return torch.stack(found, -1)

    def covariance(self, pair: NormalPair) -> Float[Tensor, "*pairs"]:
        """Closed form."""
        mean_x, sd_x, mean_y, sd_y, rho = pair
        nu, s12 = self.nu, rho * sd_x * sd_y
        t1, t2 = (nu + sd_x.square()).sqrt(), (nu + sd_y.square()).sqrt()
        h1, h2, r = mean_x / t1, mean_y / t2, s12 / (t1 * t2)
        q2 = (t1 * t2 - s12) * (t1 * t2 + s12) / (t1 * t2).square()
        q = q2.sqrt()
        joint = bivariate_cdf(h1, h2, r)
        slope_x = pdf(h1) * cdf((h2 - r * h1) / q) / t1
        slope_y = pdf(h2) * cdf((h1 - r * h2) / q) / t2
        exponent = -(h1.square() - 2 * r * h1 * h2 + h2.square()) / (2 * q2)
        density = torch.exp(exponent.clamp(max=0.0)) / (2 * math.pi * q)
        product = (mean_x * mean_y + s12) * joint
        product = product + (mean_y * sd_x.square() + nu * mean_x * s12 / t1.square()) * slope_x
        product = product + (mean_x * sd_y.square() + nu * mean_y * s12 / t2.square()) * slope_y
        product = product + density * (q2 * (t1 * t2 - nu * (t1 / t2 + t2 / t1)) + nu**2 / (t1 * t2))
        levels = [m * cdf(m / t) + s.square() / t * pdf(m / t) for m, s, t in ((mean_x, sd_x, t1), (mean_y, sd_y, t2))]
        return product - levels[0] * levels[1]


class Erf(Activation):
    r"""offset + scale * erf(gain z): erf, and the normal distribution function as 1/2 + erf(z / sqrt 2) / 2.

    E erf(z) = erf(mu / sqrt(1 + 2 s^2)); Cov(erf x, erf y) = 4 [Phi2(p1, p2; R) - Phi(p1) Phi(p2)] with p_i = sqrt 2
    m_i / u_i, R = 2 s12/(u1 u2), u_i^2 = 1 + 2 s_ii.

    Args:
        gain: Factor of the argument.
        height: Factor of the value.
        offset: Constant that is added.
        name: What reports call it.

    Raises:
        ArgumentError: If a number is not finite.

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> cov = Erf().covariance(NormalPair(0 * one, one, 0 * one, one, 0.5 * one))
        >>> round(float(cov), 12) == round(2 / math.pi * math.asin(1 / 3), 12)
        True
    """

    def __init__(
        self, gain: float | int = 1.0, height: float | int = 1.0, offset: float | int = 0.0, name: str = "erf"
    ) -> None:
        for argument, value in (("gain", gain), ("height", height), ("offset", offset)):
            if not math.isfinite(value):
                raise ArgumentError(argument, expected="a finite number", got=value)
        self.gain, self.height, self.offset = float(gain), float(height), float(offset)
        super().__init__(
            lambda z: self.offset + self.height * torch.erf(self.gain * z),
            name=name,
            scale=1.0 / max(abs(gain), TINY),
            smooth=True,
            lipschitz=abs(height * gain) * 2 / math.sqrt(math.pi),
        )

    def _reduced(self, mean: Tensor, sd: Tensor) -> tuple[Tensor, Tensor]:
        """(threshold p, correlation of the step's own noise with z) of erf(gain z) = 2 P(noise < sqrt 2 gain z) - 1."""
        t = (1.0 + 2.0 * (self.gain * sd).square()).sqrt()
        return math.sqrt(2.0) * self.gain * mean / t, math.sqrt(2.0) * self.gain * sd / t

    def hermite(
        self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"], order: int
    ) -> Float[Tensor, "*units terms"]:
        """Closed form in Hermite functions."""
        p, gain = self._reduced(mean, sd)
        weighted = hermite_polynomials(p.clamp(-FAR, FAR), max(order - 1, 0), start=pdf(p))
        found = [self.offset + self.height * torch.erf(p / math.sqrt(2.0))]
        found += [
            2.0 * self.height * gain**k * (-1) ** (k - 1) * weighted[k - 1] / math.sqrt(k) for k in range(1, order + 1)
        ]
        return torch.stack(found, -1)

    def covariance(self, pair: NormalPair) -> Float[Tensor, "*pairs"]:
        """Closed form by the bivariate normal distribution function."""
        mean_x, sd_x, mean_y, sd_y, rho = pair
        p1, gain1 = self._reduced(mean_x, sd_x)
        p2, gain2 = self._reduced(mean_y, sd_y)
        return 4.0 * self.height**2 * price_integral(p1, p2, rho * gain1 * gain2, 0)


class Sine(Activation):
    r"""sin(z + phase): a_k = s^k exp(-s^2/2) sin(mu + phase + k pi/2).

    Args:
        phase: Added to the argument; pi/2 gives the cosine.
        name: What reports call it.

    Raises:
        ArgumentError: If the phase is not finite.

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> round(float(Sine().hermite(one, one, 0)), 12) == round(math.sin(1) * math.exp(-0.5), 12)
        True
    """

    prefers_pairs = True

    def __init__(self, phase: float | int = 0.0, name: str = "sin") -> None:
        if not math.isfinite(phase):
            raise ArgumentError("phase", expected="a finite number", got=phase)
        self.phase = float(phase)
        super().__init__(lambda z: torch.sin(z + self.phase), name=name, breaks=(), lipschitz=1.0)

    def hermite(
        self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"], order: int
    ) -> Float[Tensor, "*units terms"]:
        """Closed form."""
        power = torch.exp(-0.5 * sd.square())
        found = []
        for k in range(order + 1):
            found.append(power * torch.sin(mean + self.phase + k * math.pi / 2))
            power = power * sd / math.sqrt(k + 1)
        return torch.stack(found, -1)

    def variance(self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"]) -> Float[Tensor, "*units"]:
        """Closed form."""
        return self.covariance(NormalPair(mean, sd, mean, sd, torch.ones_like(mean))).clamp(min=0.0)

    def covariance(self, pair: NormalPair) -> Float[Tensor, "*pairs"]:
        """Closed form, with expm1 so that small correlations keep their digits."""
        mean_x, sd_x, mean_y, sd_y, rho = pair
        s12 = rho * sd_x * sd_y
        damping = torch.exp(-0.5 * (sd_x - sd_y).square() - sd_x * sd_y)
        plus, minus = mean_x + mean_y + 2 * self.phase, mean_x - mean_y
        # exp(-V/2) expm1(s12), with the growing factor kept finite: damping * e^s12 = exp(-(sx^2 + sy^2 - 2 s12)/2).
        grow = torch.where(s12 < 1, damping * torch.expm1(s12.clamp(max=1.0)), _difference(sd_x, sd_y, s12))
        shrink = torch.where(s12 > -1, damping * torch.expm1((-s12).clamp(max=1.0)), _difference(sd_x, sd_y, -s12))
        return 0.5 * (torch.cos(minus) * grow - torch.cos(plus) * shrink)


def _difference(sd_x: Tensor, sd_y: Tensor, s12: Tensor) -> Tensor:
    """exp(-(sx^2 + sy^2)/2) (exp(s12) - 1) without overflow for large s12."""
    half = 0.5 * (sd_x.square() + sd_y.square())
    return torch.exp((s12 - half).clamp(max=0.0)) - torch.exp(-half)


class Polynomial(Activation):
    """c_0 + c_1 z + c_2 z^2 + ...: finitely many Hermite coefficients, so that Mehler's sum is exact.

    Args:
        coefficients: c_0, c_1, ..., the last one not zero.
        name: What reports call it.

    Raises:
        ArgumentError: If there is no coefficient.

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> Polynomial((0.0, 1.0, 0.5)).hermite(0 * one, one, 2)[0, 0].item()
        0.5
    """

    def __init__(self, coefficients: Sequence[float | int], name: str = "polynomial") -> None:
        if not coefficients:
            raise ArgumentError("coefficients", expected="at least one number", got="none")
        self.coefficients = tuple(map(float, coefficients))
        self.degree = len(self.coefficients) - 1
        super().__init__(
            self._evaluate,
            name=name,
            breaks=(),
            lipschitz=abs(self.coefficients[1]) if self.degree == 1 else 0.0 if self.degree == 0 else None,
        )

    def _evaluate(self, z: Tensor) -> Tensor:
        value = torch.full_like(z, self.coefficients[-1])
        for c in reversed(self.coefficients[:-1]):
            value = value * z + c
        return value

    def hermite(
        self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"], order: int
    ) -> Float[Tensor, "*units terms"]:
        """Horner's rule in the Hermite basis: multiplication by z = mean + sd xi."""
        zero = torch.zeros_like(mean)
        series = [torch.full_like(mean, self.coefficients[-1])]
        for c in reversed(self.coefficients[:-1]):
            longer = []
            for k in range(len(series) + 1):
                same = mean * series[k] if k < len(series) else zero
                below = sd * math.sqrt(k) * series[k - 1] if k else zero
                above = sd * math.sqrt(k + 1) * series[k + 1] if k + 1 < len(series) else zero
                longer.append(same + below + above)
            longer[0] = longer[0] + c
            series = longer
        series = (series + [zero] * (order + 1))[: order + 1]
        return torch.stack(series, -1)

    def variance(self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"]) -> Float[Tensor, "*units"]:
        """Sum of the squared coefficients."""
        return self.hermite(mean, sd, self.degree or 0)[..., 1:].square().sum(-1)


class Exponential(Activation):
    r"""exp(z): a_k = s^k exp(mu + s^2/2).

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> round(float(Exponential().hermite(0 * one, one, 0)), 12) == round(math.exp(0.5), 12)
        True
    """

    prefers_pairs = True

    def __init__(self) -> None:
        super().__init__(torch.exp, name="exp", breaks=())

    def hermite(
        self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"], order: int
    ) -> Float[Tensor, "*units terms"]:
        """Closed form."""
        found = [torch.exp(mean + 0.5 * sd.square())]
        for k in range(1, order + 1):
            found.append(found[-1] * sd / math.sqrt(k))
        return torch.stack(found, -1)

    def variance(self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"]) -> Float[Tensor, "*units"]:
        """Closed form."""
        return self.covariance(NormalPair(mean, sd, mean, sd, torch.ones_like(mean)))

    def covariance(self, pair: NormalPair) -> Float[Tensor, "*pairs"]:
        """Closed form."""
        mean_x, sd_x, mean_y, sd_y, rho = pair
        level = torch.exp(mean_x + mean_y + 0.5 * (sd_x.square() + sd_y.square()))
        return level * torch.expm1(rho * sd_x * sd_y)
