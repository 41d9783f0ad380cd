"""A Fourier neural operator that commutes exactly with integer shifts of a periodic grid."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from haar.errors import ArgumentError, ShapeError
from haar.systems.group_averaging.surrogates.spatial import (
    check_dim,
    check_fields,
    check_positive,
    seeded,
)


class SpectralConvolution(nn.Module):
    """A complex channel-mixing matrix for every low wave vector of a periodic field.

    y_hat(k) = W(k) x_hat(k) for the retained k, 0 for all others. Multiplication by a function of k commutes with every
    shift of the grid, and so does the map to a real field.

    Along every axis but the last `modes` counts the retained frequencies of both signs (16: -8..7); along the last
    axis, where a real field has a half spectrum, 0..modes // 2 are stored. The weight is one real tensor (*retained,
    in, 2 * out) whose last axis holds the real parts of W, then the imaginary ones: the products over all k are a
    single real batched matrix product with the real and imaginary parts of x_hat as rows, and the parameters survive
    `.to(dtype)` and any file format.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        modes: Number of retained frequencies along every spatial axis.

    Raises:
        ArgumentError: If a size is below 1 or there are not 1, 2 or 3 axes.

    Example:
        >>> layer = SpectralConvolution(2, 3, modes=(4, 4))
        >>> layer(torch.zeros(1, 2, 8, 8)).shape
        torch.Size([1, 3, 8, 8])

    Source: Li et al., arXiv 2010.08895, equation (5).
    """

    def __init__(self, in_channels: int, out_channels: int, modes: Sequence[int]) -> None:
        super().__init__()
        check_positive(in_channels=in_channels, out_channels=out_channels)
        check_modes(modes, len(modes))
        self.modes = tuple(modes)
        self.retained = (*self.modes[:-1], self.modes[-1] // 2 + 1)
        # A tenth of the scale that keeps the variance of the retained modes, 2 / (in + out) for both parts together:
        # the pointwise maps beside the layer lead at first, and short trainings end with a smaller error.
        weight = torch.randn(*self.retained, in_channels, 2 * out_channels)
        self.weight = nn.Parameter(0.1 * weight / math.sqrt(in_channels + out_channels))

    def forward(self, x: Float[Tensor, "batch channel *space"]) -> Float[Tensor, "batch out *space"]:
        """Filter a field.

        Args:
            x: Real field, at least `modes` points along every axis.

        Raises:
            ShapeError: If an axis has fewer points than retained frequencies.
        """
        space = x.shape[2:]
        for axis, (points, modes) in enumerate(zip(space, self.modes, strict=True), start=2):
            if points < modes:
                raise ShapeError(
                    "x",
                    expected=f"at least {modes} points along axis {axis} for {modes} modes",
                    got=points,
                    way_out="build the FNO with fewer modes",
                )
        weight = self.whole_weight()
        dtype = torch.promote_types(weight.dtype, torch.float32)  # no transform exists in half precision
        spectrum = self._low_frequencies(x.to(dtype))
        product = self._mix(spectrum, weight.to(dtype)).unflatten(2, self.retained)
        out: Tensor = self._to_grid(product, tuple(space)).to(x.dtype)
        return out

    def whole_weight(self) -> Tensor:
        """The weight, (*retained, in, 2 * out)."""
        return self.weight

    def _low_frequencies(self, x: Tensor) -> Tensor:
        """The retained Fourier coefficients, (batch, channel, number of retained wave vectors)."""
        # The cut after each axis leaves less to transform along the next.
        spectrum = torch.fft.rfft(x, dim=-1, norm="forward").narrow(-1, 0, self.retained[-1])
        for axis in range(x.ndim - 2, 1, -1):
            modes = self.modes[axis - 2]
            spectrum = torch.fft.fft(spectrum, dim=axis, norm="forward")
            positive = spectrum.narrow(axis, 0, modes - modes // 2)
            negative = spectrum.narrow(axis, x.shape[axis] - modes // 2, modes // 2)
            spectrum = torch.cat([positive, negative], dim=axis)
        low: Tensor = spectrum.flatten(2)
        return low

    def _mix(self, spectrum: Tensor, weight: Tensor) -> Tensor:
        """W(k) x_hat(k), (batch, out, number of retained wave vectors)."""
        batch, out_channels = spectrum.shape[0], weight.shape[-1] // 2
        parts = torch.view_as_real(spectrum)
        # Contiguous factors, wave vector first, let the batched product and its gradients run as one call each; on
        # strided ones they are loops over k, several times slower. Hence the split before the axes are turned back.
        rows = torch.cat([parts[..., 0], parts[..., 1]]).permute(2, 0, 1).contiguous()
        product = torch.bmm(rows, weight.flatten(0, -3)).to(weight.dtype)
        of_real, of_imaginary = product[:, :batch], product[:, batch:]
        real = of_real[..., :out_channels] - of_imaginary[..., out_channels:]
        imaginary = of_real[..., out_channels:] + of_imaginary[..., :out_channels]
        return torch.complex(real, imaginary).permute(1, 2, 0)

    def _to_grid(self, spectrum: Tensor, space: tuple[int, ...]) -> Tensor:
        """The real field with these low frequencies and no others."""
        for axis in range(2, spectrum.ndim - 1):
            modes, points = self.modes[axis - 2], space[axis - 2]
            positive = spectrum.narrow(axis, 0, modes - modes // 2)
            negative = spectrum.narrow(axis, modes - modes // 2, modes // 2)
            if points > modes:
                spectrum = torch.cat([positive, _zeros(spectrum, axis, points - modes), negative], dim=axis)
            spectrum = torch.fft.ifft(spectrum, dim=axis, norm="forward")
        points = space[-1] // 2 + 1
        if points > self.retained[-1]:
            spectrum = torch.cat([spectrum, _zeros(spectrum, -1, points - self.retained[-1])], dim=-1)
        field: Tensor = torch.fft.irfft(spectrum, n=space[-1], dim=-1, norm="forward")
        return field


class TuckerConvolution(SpectralConvolution):
    """A spectral convolution whose weight is a small core times one matrix along every axis (Tucker's factors).

    The core is of the real tensor that holds both parts of W, so that a factor may mix them too. Whatever the factors
    are, the layer is a spectral convolution, and commutes with every shift of the grid.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        modes: Number of retained frequencies along every spatial axis.
        rank: Share of the weight's numbers that the core has, above 0 and at most 1.

    Raises:
        ArgumentError: If a size is below 1, there are not 1, 2 or 3 axes, or the share is no share.

    Example:
        >>> layer = TuckerConvolution(4, 4, modes=(6, 6), rank=0.5)
        >>> tuple(layer.core.shape), tuple(layer.whole_weight().shape)
        ((5, 3, 3, 7), (6, 4, 4, 8))

    Source: Kossaifi et al., arXiv 2310.00120; Tucker 1966.
    """

    def __init__(self, in_channels: int, out_channels: int, modes: Sequence[int], *, rank: float | int) -> None:
        super().__init__(in_channels, out_channels, modes)
        if not 0 < rank <= 1:
            raise ArgumentError("rank", expected="a share above 0, at most 1", got=rank)
        whole = self.weight.detach()
        del self.weight
        each = float(rank) ** (1 / whole.ndim)  # the same share of every axis
        ranks = [max(1, math.floor(each * size + 0.5)) for size in whole.shape]
        # Orthonormal factors: the weight is at first as large as without them.
        spread = whole.numel() / math.prod(ranks)
        self.core = nn.Parameter(torch.randn(*ranks) * whole.square().mean().sqrt() * math.sqrt(spread))
        self.factors = nn.ParameterList(
            torch.linalg.qr(torch.randn(size, kept))[0] for size, kept in zip(whole.shape, ranks, strict=True)
        )

    def whole_weight(self) -> Tensor:
        """The core with every axis multiplied by its factor."""
        weight: Tensor = self.core
        for factor in self.factors:  # the first axis goes, its product comes last: after all of them the order is back
            weight = torch.tensordot(weight, factor.to(weight.dtype), dims=([0], [1]))
        return weight


class Pointwise(nn.Module):
    """The same affine map of the channels at every point: a convolution with kernel 1, as one batched matrix product.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.

    Example:
        >>> Pointwise(2, 3)(torch.zeros(1, 2, 8)).shape
        torch.Size([1, 3, 8])
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_channels)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "batch channel *space"]) -> Float[Tensor, "batch out *space"]:
        """Map the channels of `x`, (batch, in_channels, *space)."""
        weight = self.weight.expand(x.shape[0], -1, -1)
        out: Tensor = torch.baddbmm(self.bias[:, None], weight, x.flatten(2)).unflatten(2, x.shape[2:])
        return out


class FNO(nn.Module):
    """Fourier neural operator: lift, layers of spectral convolution + pointwise linear map, project.

    No grid of coordinates is embedded and nothing is padded, so the network commutes with every integer shift of a
    periodic grid to rounding error. It has no reflection or rotation symmetry. GELU between the layers, none after the
    last.

    Args:
        in_channels: Channels of the input fields.
        out_channels: Channels of the output fields.
        width: Channels of the hidden fields.
        modes: Retained frequencies along every axis, see `SpectralConvolution`.
        layers: Number of spectral layers.
        hidden: Width of the pointwise networks that lift and project; default twice `width`.
        dim: Number of space dimensions, 1, 2 or 3.
        rank: Share of the spectral weights that their Tucker factorisation keeps (a TFNO); None for whole weights.
        seed: Seed of the initial weights.

    Raises:
        ArgumentError: If a size is below 1, `modes` has not `dim` entries, or the rank is no share.

    Example:
        >>> net = FNO(4, 2, width=8, modes=(8, 8), layers=2)
        >>> x = torch.linspace(0, 1, 4 * 256).reshape(1, 4, 16, 16)
        >>> shifted_first, shifted_last = net(x.roll((3, 5), (2, 3))), net(x).roll((3, 5), (2, 3))
        >>> torch.allclose(shifted_first, shifted_last, atol=1e-5)
        True

    Source: Li et al., arXiv 2010.08895; sizes of the benchmark from Ohana et al., arXiv 2412.00568.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int,
        modes: Sequence[int],
        layers: int = 4,
        hidden: int | None = None,
        dim: int = 2,
        rank: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_dim(dim)
        check_modes(modes, dim)
        hidden = 2 * width if hidden is None else hidden
        check_positive(in_channels=in_channels, out_channels=out_channels, width=width, layers=layers, hidden=hidden)
        self.dim, self.in_channels, self.out_channels = dim, in_channels, out_channels
        self.config = {"width": width, "modes": list(modes), "layers": layers, "hidden": hidden, "dim": dim}
        self.config |= {} if rank is None else {"rank": rank}
        with seeded(seed):
            self.lift = nn.Sequential(Pointwise(in_channels, hidden), nn.GELU(), Pointwise(hidden, width))
            self.spectral = nn.ModuleList(
                SpectralConvolution(width, width, modes)
                if rank is None
                else TuckerConvolution(width, width, modes, rank=rank)
                for _ in range(layers)
            )
            self.skips = nn.ModuleList(Pointwise(width, width) for _ in range(layers))
            self.project = nn.Sequential(Pointwise(width, hidden), nn.GELU(), Pointwise(hidden, out_channels))

    def forward(self, x: Float[Tensor, "batch channel *space"]) -> Float[Tensor, "batch out *space"]:
        """Map fields to fields on the same grid.

        Args:
            x: Input fields, (batch, in_channels, *space).

        Raises:
            ShapeError: If the channels or axes do not fit, or an axis has fewer points than modes.
        """
        check_fields(x, channels=self.in_channels, dim=self.dim)
        x = self.lift(x)
        last = len(self.spectral) - 1
        for index, (spectral, skip) in enumerate(zip(self.spectral, self.skips, strict=True)):
            x = spectral(x) + skip(x)
            x = x if index == last else functional.gelu(x)
        out: Tensor = self.project(x)
        return out


def check_modes(modes: Sequence[int], dim: int) -> None:
    """Refuse a wrong number of retained frequencies.

    Raises:
        ArgumentError: If there is not one number of at least 1 for each of 1, 2 or 3 axes.
    """
    if len(modes) != dim or not 1 <= dim <= 3 or any(count < 1 for count in modes):
        raise ArgumentError("modes", expected=f"{dim} numbers of at least 1 (1 to 3 axes)", got=tuple(modes))


def _zeros(spectrum: Tensor, axis: int, count: int) -> Tensor:
    """Complex zeros that fit beside `spectrum` along `axis`, made from real ones: ONNX has no complex constants."""
    shape = list(spectrum.shape)
    shape[axis] = count
    zero = torch.zeros(shape, dtype=spectrum.real.dtype, device=spectrum.device)
    return torch.complex(zero, zero)
