"""A periodic grid and its Fourier modes: derivatives, Laplacian and de-aliasing, as symmetric as the grid itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError


@dataclass(frozen=True)
class PeriodicGrid:
    """Nodes ``x_i = i L / N`` of a doubly periodic box, arrays indexed ``[x, y]``, and their real Fourier transform.

    Everything that multiplies a mode is the same for modes that a symmetry of the grid exchanges. Three choices
    make it so: the derivative of the Nyquist mode is zero (its sign would be a convention), the de-aliasing mask
    looks at ``|k|`` axis by axis, and the mask is strict, ``3 |k| < N``, so that products of two masked fields are
    free of aliasing.

    Args:
        shape: Number of nodes along x and y; each at least 4.
        lengths: Periods of the box along x and y.
        dtype: ``torch.float32`` or ``torch.float64``.
        device: Where the mode tables live.

    Raises:
        ArgumentError: If a side has fewer than 4 nodes, a period is not positive, or the dtype is not real.

    Example:
        >>> grid = PeriodicGrid((8, 8), (2 * math.pi, 2 * math.pi))
        >>> x, _ = grid.coordinates
        >>> field = torch.sin(x)[:, None].expand(8, 8)
        >>> torch.allclose(grid.derivative(field, 0), torch.cos(x)[:, None].expand(8, 8))
        True
    """

    shape: tuple[int, int]
    lengths: tuple[float, float]
    dtype: torch.dtype = torch.float64
    device: torch.device | str = "cpu"

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or min(self.shape) < 4:
            raise ArgumentError("shape", expected="two sides of at least 4 nodes", got=self.shape)
        if len(self.lengths) != 2 or not all(0 < length < math.inf for length in self.lengths):
            raise ArgumentError("lengths", expected="two positive periods", got=self.lengths)
        if self.dtype not in (torch.float32, torch.float64):
            raise ArgumentError("dtype", expected="torch.float32 or torch.float64", got=self.dtype)

    @property
    def spacing(self) -> tuple[float, float]:
        """Distance between neighbouring nodes along x and y."""
        return self.lengths[0] / self.shape[0], self.lengths[1] / self.shape[1]

    @cached_property
    def coordinates(self) -> tuple[Float[Tensor, " x"], Float[Tensor, " y"]]:
        """Node coordinates along x and y, from 0, end not stored."""
        x, y = (
            torch.arange(n, dtype=self.dtype, device=self.device) * step
            for n, step in zip(self.shape, self.spacing, strict=True)
        )
        return x, y

    @cached_property
    def modes(self) -> tuple[Float[Tensor, "x 1"], Float[Tensor, "1 ky"]]:
        """Signed integer mode numbers along x and y (half spectrum), the Nyquist mode as ``N/2`` in absolute value."""
        nx, ny = self.shape
        x = torch.fft.fftfreq(nx, 1 / nx, dtype=self.dtype, device=self.device)
        y = torch.fft.rfftfreq(ny, 1 / ny, dtype=self.dtype, device=self.device)
        return x[:, None], y[None, :]

    @cached_property
    def wavenumbers(self) -> tuple[Float[Tensor, "x 1"], Float[Tensor, "1 ky"]]:
        """Wave numbers ``2 pi k / L`` of first derivatives, zero at the Nyquist mode."""
        kx, ky = (
            torch.where(2 * mode.abs() == n, 0.0, mode * (2 * math.pi / length))
            for mode, n, length in zip(self.modes, self.shape, self.lengths, strict=True)
        )
        return kx, ky

    @cached_property
    def laplacian(self) -> Float[Tensor, "x ky"]:
        """Symbol ``-(kx^2 + ky^2)`` of the Laplacian; the Nyquist mode counts in full."""
        kx, ky = (mode * (2 * math.pi / length) for mode, length in zip(self.modes, self.lengths, strict=True))
        return -(kx.square() + ky.square())

    @cached_property
    def inverse_laplacian(self) -> Float[Tensor, "x ky"]:
        """Symbol of the inverse Laplacian on fields without mean; the mean is sent to zero."""
        symbol = self.laplacian
        return torch.where(symbol == 0, 0.0, 1 / torch.where(symbol == 0, 1.0, symbol))

    @cached_property
    def dealias(self) -> Bool[Tensor, "x ky"]:
        """The 2/3 rule: True for the modes kept, ``3 |k| < N`` along both axes."""
        nx, ny = self.shape
        kx, ky = self.modes
        return (3 * kx.abs() < nx) & (3 * ky.abs() < ny)

    def forward(self, field: Float[Tensor, "*batch x y"]) -> Complex[Tensor, "*batch x ky"]:
        """Real Fourier transform over the last two axes.

        Raises:
            ShapeError: If the last two axes are not this grid.
        """
        if tuple(field.shape[-2:]) != self.shape:
            raise ShapeError("field", expected=f"last axes {self.shape}", got=tuple(field.shape))
        modes: Tensor = torch.fft.rfft2(field)
        return modes

    def inverse(self, modes: Complex[Tensor, "*batch x ky"]) -> Float[Tensor, "*batch x y"]:
        """Inverse of `forward`."""
        field: Tensor = torch.fft.irfft2(modes, s=self.shape)
        return field

    def derivative(self, field: Float[Tensor, "*batch x y"], axis: int) -> Float[Tensor, "*batch x y"]:
        """Spectral first derivative along x (`axis` 0) or y (`axis` 1)."""
        return self.inverse(1j * self.wavenumbers[axis] * self.forward(field))

    def band_limit(self, field: Float[Tensor, "*batch x y"]) -> Float[Tensor, "*batch x y"]:
        """The field without the modes that the 2/3 rule drops."""
        return self.inverse(self.forward(field) * self.dealias)
