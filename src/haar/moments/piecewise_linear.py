"""Piecewise linear activations in closed form: ReLU and its kin."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.activation import Activation, NormalPair
from haar.moments.normal import FAR, cdf, hermite_polynomials, pdf, price_integral, relu_limit


def _standardise(mean: Tensor, sd: Tensor) -> tuple[Tensor, Tensor]:
    """mean / sd with the limit +-inf replaced by +-1e8 where sd is zero, and a mask of the units that move at all."""
    moves = sd > 0
    ratio = mean / torch.where(moves, sd, torch.ones_like(sd))
    still = torch.where(mean > 0, torch.full_like(mean, FAR), torch.full_like(mean, -FAR))
    return torch.where(moves, ratio, still).clamp(-FAR, FAR), moves


def _relu_hermite(mean: Tensor, sd: Tensor, order: int) -> Tensor:
    h, _ = _standardise(mean, sd)
    upper, density = cdf(h), pdf(h)
    first = torch.stack([mean * upper + sd * density, sd * upper][: order + 1], -1)
    if order < 2:
        return first
    weighted = torch.stack(hermite_polynomials(h, order - 2, start=density), -1)
    return torch.cat([first, sd[..., None] * weighted / weighted.new_tensor(_signed_roots(order))], -1)


@functools.cache
def _signed_roots(order: int) -> tuple[float, ...]:
    """(-1)^k sqrt(k (k - 1)) from k = 2 on."""
    return tuple((-1) ** k * math.sqrt(k * (k - 1)) for k in range(2, order + 1))


def _binomial(start: Tensor, slope: Tensor, power: int) -> Tensor:
    """Coefficients of (start + slope xi)^power, in powers of xi."""
    terms = [math.comb(power, j) * start.pow(power - j) * slope.pow(j) for j in range(power + 1)]
    return torch.stack(terms, -1)


def _raised(moments: Tensor) -> Tensor:
    """E[xi He_k ..] from E[He_k ..], normalised by sqrt(k!): xi He_k = He_(k+1) + k He_(k-1); one term fewer."""
    roots = torch.arange(moments.shape[-1], dtype=moments.dtype, device=moments.device).sqrt()
    lower = torch.nn.functional.pad(moments[..., :-2], (1, 0)) if moments.shape[-1] > 1 else moments[..., :0]
    return roots[1:] * moments[..., 1:] + roots[:-1] * lower


def _ladder(moments: Tensor, power: int) -> list[Tensor]:
    """E[xi^j He_k ..] for j up to a power; each has one term fewer."""
    found = [moments]
    for _ in range(power):
        found.append(_raised(found[-1]))
    return found


def _contracted(polynomial: Tensor, ladder: Sequence[Tensor], order: int) -> Tensor:
    total = polynomial[..., :1] * ladder[0][..., : order + 1]
    for j in range(1, polynomial.shape[-1]):
        total = total + polynomial[..., j : j + 1] * ladder[j][..., : order + 1]
    return total


def _whole(like: Tensor, last: int) -> Tensor:
    """E[He_k] / sqrt(k!) on the whole line, for k up to the last."""
    start = torch.zeros(last + 1, dtype=like.dtype, device=like.device)
    start[0] = 1.0
    return start


def _beyond(height: Tensor, below: Tensor, last: int) -> Tensor:
    """E[He_k] / sqrt(k!) over xi > height, or over xi < height: He_(k-1) pdf is what He_k pdf integrates to."""
    weighted = torch.stack(hermite_polynomials(height, max(last - 1, 0), start=pdf(height)), -1)[..., :last]
    roots = torch.arange(1, last + 1, dtype=height.dtype, device=height.device).sqrt()
    share = torch.where(below[..., 0], cdf(height), cdf(-height))[..., None]
    return torch.cat([share, torch.where(below, -1.0, 1.0) * weighted / roots], -1)


class PiecewiseLinear(Activation):
    r"""f(z) = offset + slope z + sum_i turn_i relu(z - knot_i): ReLU, LeakyReLU, Hardtanh, ReLU6, absolute value, ...

    Everything is exact. For ReLU with h = mu/s: a_0 = mu Phi(h) + s phi(h), a_1 = s Phi(h), a_k = s (-1)^k
    He_{k-2}(h) phi(h); the pair covariance is s_x s_y [rho Phi(h) Phi(k) + integral_0^rho (rho - u) phi2(h, k; u) du]
    (Price's theorem twice).

    Args:
        knots: Where the slope changes.
        turns: By how much.
        slope: Slope of the linear part.
        offset: Value that is added everywhere.
        name: What reports call it.

    Raises:
        ArgumentError: If knots and turns differ in number, or one of the numbers is not finite.

    Example:
        >>> relu = PiecewiseLinear((0.0,), (1.0,), name="relu")
        >>> zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
        >>> round(float(relu.variance(zero, one)), 12) == round(0.5 - 0.5 / math.pi, 12)
        True
    """

    def __init__(
        self,
        knots: Sequence[float | int],
        turns: Sequence[float | int],
        *,
        slope: float | int = 0.0,
        offset: float | int = 0.0,
        name: str,
    ) -> None:
        if len(knots) != len(turns):
            raise ArgumentError("turns", expected=f"{len(knots)} changes of slope, one per knot", got=len(turns))
        self.knots, self.turns = tuple(map(float, knots)), tuple(map(float, turns))
        self.slope, self.offset = float(slope), float(offset)
        for argument, numbers in (
            ("knots", self.knots), ("turns", self.turns), ("slope", (self.slope,)), ("offset", (self.offset,)),
        ):  # fmt: skip
            if not all(map(math.isfinite, numbers)):
                raise ArgumentError(argument, expected="finite numbers", got=f"{numbers} in {name}")
        slopes = [self.slope + sum(self.turns[:k]) for k in range(len(self.turns) + 1)]
        super().__init__(
            self._evaluate, name=name, breaks=self.knots, scale=0.0, lipschitz=max(abs(value) for value in slopes)
        )

    def _evaluate(self, z: Tensor) -> Tensor:
        value = self.offset + self.slope * z
        for knot, turn in zip(self.knots, self.turns, strict=True):
            value = value + turn * torch.relu(z - knot)
        return value

    def hermite(
        self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"], order: int
    ) -> Float[Tensor, "*units terms"]:
        """Closed form, term by term."""
        first = torch.stack([self.offset + self.slope * mean, self.slope * sd][: order + 1], -1)
        total = torch.nn.functional.pad(first, (0, order + 1 - first.shape[-1]))
        for knot, turn in zip(self.knots, self.turns, strict=True):
            total = total + turn * _relu_hermite(mean - knot, sd, order)
        return total

    def variance(self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"]) -> Float[Tensor, "*units"]:
        """Closed form: the pair covariance at correlation one."""
        total = torch.full_like(mean, self.slope**2)
        heights = [_standardise(mean - knot, sd)[0] for knot in self.knots]
        for at, (h, turn) in enumerate(zip(heights, self.turns, strict=True)):
            total = total + 2.0 * self.slope * turn * cdf(h) + turn**2 * relu_limit(h, h)
            for k, other in zip(heights[:at], self.turns[:at], strict=True):
                total = total + 2.0 * turn * other * relu_limit(h, k)
        return (total * sd.square()).clamp(min=0.0)

    def centred_powers(
        self, mean: Float[Tensor, "*units"], sd: Float[Tensor, "*units"], order: int, powers: Sequence[int]
    ) -> list[Float[Tensor, "*units terms"]]:
        """Closed form: a power is a polynomial on each side of a knot, and the moments of He_k there are known."""
        level = self.hermite(mean, sd, 0)[..., 0]
        pieces = [(self.offset + self.slope * mean - level, self.slope * sd)]
        for knot, turn in zip(self.knots, self.turns, strict=True):
            pieces.append((pieces[-1][0] + turn * (mean - knot), pieces[-1][1] + turn * sd))
        most = max(powers, default=0)
        whole = _ladder(_whole(mean, order + most), most)
        sides = []
        for knot in self.knots:  # one recurrence for all powers
            over = (mean > knot)[..., None]
            moments = _beyond(_standardise(knot - mean, sd)[0], over, order + most)
            sides.append((over, torch.where(over, -1.0, 1.0), _ladder(moments, most)))
        found = []
        for power in powers:
            polynomials = [_binomial(*piece, power) for piece in pieces]
            # The polynomial where the mean is, and what differs from it beyond each knot: no large numbers cancel.
            own = polynomials[0]
            terms = torch.zeros_like(own[..., :1])
            for at, (over, sign, ladder) in enumerate(sides):
                jump = polynomials[at + 1] - polynomials[at]
                own = torch.where(over, polynomials[at + 1], own)
                terms = terms + sign * _contracted(jump, ladder, order)
            found.append(terms + _contracted(own, whole, order))
        return found

    def covariance(self, pair: NormalPair) -> Float[Tensor, "*pairs"]:
        """Closed form up to one smooth integral per pair of knots."""
        mean_x, sd_x, mean_y, sd_y, rho = pair
        left = [_standardise(mean_x - knot, sd_x)[0] for knot in self.knots]
        right = [_standardise(mean_y - knot, sd_y)[0] for knot in self.knots]
        pairs = list(zip(left, self.turns, strict=True)), list(zip(right, self.turns, strict=True))
        gain_x = self.slope + sum((turn * cdf(h) for h, turn in pairs[0]), torch.zeros_like(rho))
        gain_y = self.slope + sum((turn * cdf(k) for k, turn in pairs[1]), torch.zeros_like(rho))
        total = rho * gain_x * gain_y
        for h, turn in pairs[0]:
            for k, other in pairs[1]:
                total = total + turn * other * price_integral(h, k, rho, 1)
        return total * sd_x * sd_y
