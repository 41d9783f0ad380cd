"""The renormalisation map on densities and on characteristic functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.moments.cumulants import to_cumulants
from haar.moments.laws import Law
from haar.moments.laws.arithmetic import check_sum

CharacteristicFunction = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class GridDensity:
    """A density at the points of an even grid on [-reach, reach).

    Args:
        values: p(x_i), x_i = -reach + i * spacing; an even number of points.
        reach: Half the length.

    Raises:
        ShapeError: If the number of points is odd.
        ArgumentError: If the reach is not positive.

    Example:
        >>> from haar.moments.laws import Laplace
        >>> p = GridDensity.of(Laplace())
        >>> [round(float(q.cumulants(4)[3]), 3) for q in (p, p.step(2))]
        [3.0, 1.5]
    """

    values: Float[Tensor, "points"]
    reach: float = 40.0

    def __post_init__(self) -> None:
        if self.values.shape[0] % 2:
            raise ShapeError("values", expected="an even number of points", got=self.values.shape[0])
        if self.reach <= 0:
            raise ArgumentError("reach", expected="a length > 0", got=self.reach)

    @classmethod
    def of(cls, law: Law, *, points: int = 2**14, reach: float = 40.0) -> GridDensity:
        """The density of a law, normalised on the grid.

        Raises:
            ArgumentError: If the law has no density.
        """
        grid = torch.arange(points, dtype=torch.float64) * (2 * reach / points) - reach
        values = law.density(grid)
        return cls(values / (values.sum() * (2 * reach / points)), reach)

    @property
    def spacing(self) -> float:
        """Distance of two points."""
        return 2.0 * self.reach / self.values.shape[0]

    @property
    def grid(self) -> Float[Tensor, "points"]:
        """The points."""
        return torch.arange(self.values.shape[0], dtype=torch.float64) * self.spacing - self.reach

    def cumulants(self, order: int) -> list[Float[Tensor, ""]]:
        """k_1..k_order by sums over the grid."""
        x = self.grid
        found: list[Tensor] = to_cumulants([(self.values * x**n).sum() * self.spacing for n in range(1, order + 1)])
        return found

    def step(self, b: int = 2, *, index: float = 2.0) -> GridDensity:
        """(T p)(y) = g (p * ... * p)(g y), g = b^(1/index): convolve b-fold, dilate.

        The convolution is a power of the zero-padded Fourier transform; the dilation evaluates the trigonometric
        interpolant off the grid (a chirp transform), so a smooth density loses nothing.

        Args:
            b: Number of sites in a block.
            index: 2 for the central limit theorem; alpha-stable densities are fixed for alpha.

        Raises:
            ArgumentError: If b < 1 or the index is not positive.
        """
        check_sum(b, index)
        count = self.values.shape[0]
        gain = math.pow(b, 1.0 / index)
        padded = count * max(b, math.ceil(gain))
        centred = torch.zeros(padded, dtype=torch.float64)
        start = (padded - count) // 2
        centred[start : start + count] = self.values
        # Characteristic function on the long grid, its power, then the inverse at the dilated points.
        transform = torch.fft.fft(torch.fft.ifftshift(centred)) * self.spacing
        power = torch.fft.fftshift(transform.pow(b))
        length = padded * self.spacing
        summed = _series(power, ratio=gain * self.spacing / length, count=count) / length
        return GridDensity(gain * summed, self.reach)


def _series(coefficients: Tensor, *, ratio: float, count: int) -> Tensor:
    """Re sum_k c_k exp(2 pi i k j ratio) for k = -K/2.., j = -count/2..: Bluestein's chirp transform."""
    size = coefficients.shape[0]
    k = torch.arange(size, dtype=torch.float64) - size // 2
    j = torch.arange(count, dtype=torch.float64) - count // 2
    # k j = (k^2 + j^2 - (j - k)^2) / 2
    weighted = coefficients * _chirp(k, ratio)
    lags = torch.arange(-(size + count), size + count, dtype=torch.float64)
    kernel = _chirp(lags, ratio).conj()
    # A power of two: transforms of lengths with large prime factors lose digits, how many depends on the processor.
    length = 1 << (kernel.shape[0] + size - 2).bit_length()
    product = torch.fft.ifft(torch.fft.fft(weighted, length) * torch.fft.fft(kernel, length))
    # Entry m of the product is sum_k weighted_k kernel(m - k): lag j - k sits at index (j + count//2) + offset.
    offset = (size + count) + int(j[0]) - int(k[0])
    found: Tensor = (product[offset : offset + count] * _chirp(j, ratio)).real
    return found


def _chirp(n: Tensor, ratio: float) -> Tensor:
    """exp(i pi n^2 ratio) for whole n, |n| < 2^26."""
    # Of n^2 ratio, some ten thousand turns, only the fraction counts: the product is made without rounding (Dekker).
    square = n.square()
    high, low = _halves(square)
    ratio_high, ratio_low = (float(part) for part in _halves(torch.tensor(ratio, dtype=torch.float64)))
    product = square * ratio
    rest = low * ratio_low - (((product - high * ratio_high) - low * ratio_high) - high * ratio_low)
    phase = (torch.remainder(product, 2.0) + rest) * math.pi
    return torch.polar(torch.ones_like(phase), phase)


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Two float64 of 26 digits each whose sum is x, so that products of halves are exact."""
    scaled = x * 134217729.0  # 2^27 + 1
    high = scaled - (scaled - x)
    return high, x - high


def characteristic_step(
    phi: CharacteristicFunction, b: int = 2, *, index: float = 2.0
) -> Callable[[Float[Tensor, "*shape"]], Float[Tensor, "*shape"] | Complex[Tensor, "*shape"]]:
    """The map on characteristic functions, (T phi)(t) = phi(t b^(-1/index))^b.

    Args:
        phi: A characteristic function.
        b: Number of sites in a block.
        index: exp(-c |t|^a) is fixed for index a.

    Raises:
        ArgumentError: If b < 1 or the index is not positive.

    Example:
        >>> cauchy = lambda t: torch.exp(-t.abs())
        >>> t = torch.linspace(-3, 3, 7, dtype=torch.float64)
        >>> bool(torch.allclose(characteristic_step(cauchy, 5, index=1.0)(t), cauchy(t), rtol=0, atol=1e-15))
        True
    """
    check_sum(b, index)
    shrink = math.pow(b, -1.0 / index)
    return lambda t: phi(t * shrink).pow(b)


def stable_characteristic(t: Float[Tensor, "*shape"], alpha: float) -> Float[Tensor, "*shape"]:
    """exp(-|t|^alpha), the fixed point of sums scaled by b^(-1/alpha).

    Source: Calvo et al., arXiv 1009.2899.

    Raises:
        ArgumentError: If alpha is not in (0, 2].

    Example:
        >>> stable_characteristic(torch.zeros(1), 1.5).item()
        1.0
    """
    if not 0 < alpha <= 2:
        raise ArgumentError("alpha", expected="an index in (0, 2]", got=alpha)
    return torch.exp(-t.abs().pow(alpha))
