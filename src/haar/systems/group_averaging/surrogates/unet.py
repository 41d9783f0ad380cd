"""The classic U-Net: two convolutions a level, max-pooling down, transposed convolutions up."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.systems.group_averaging.surrogates.spatial import (
    Padding,
    batch_norm,
    check_dim,
    check_fields,
    check_padding,
    check_positive,
    convolution,
    doubling,
    max_pool,
    seeded,
)


class UNet(nn.Module):
    """U-Net with 3-point convolutions without bias, BatchNorm and tanh; channels double at every level.

    With `padding="zeros"` it has no exact symmetry at all: the padding marks the border. With `padding="circular"` it
    commutes exactly with shifts by multiples of 2^levels on a periodic grid, and with no others.

    Args:
        in_channels: Channels of the input fields.
        out_channels: Channels of the output fields.
        width: Channels of the finest level.
        levels: Number of poolings; the grid must be a multiple of 2^levels along every axis.
        padding: ``"zeros"`` or ``"circular"``.
        dim: Number of space dimensions, 1, 2 or 3.
        seed: Seed of the initial weights.

    Raises:
        ArgumentError: If a size is below 1 or the padding is unknown.

    Example:
        >>> net = UNet(4, 2, width=4, levels=2, padding="circular").eval()
        >>> x = torch.linspace(0, 1, 4 * 64).reshape(1, 4, 8, 8)
        >>> torch.allclose(net(x.roll(4, -1)), net(x).roll(4, -1), atol=1e-6)
        True

    Source: Ronneberger et al., arXiv 1505.04597; the variant of the benchmark of Ohana et al., arXiv 2412.00568.
    """

    prefers_channels_last = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int,
        levels: int = 4,
        padding: Padding = "zeros",
        dim: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_dim(dim)
        check_padding(padding)
        check_positive(in_channels=in_channels, out_channels=out_channels, width=width, levels=levels)
        self.dim, self.in_channels, self.out_channels, self.levels = dim, in_channels, out_channels, levels
        self.config = {"width": width, "levels": levels, "padding": padding, "dim": dim}
        widths = [width * 2**level for level in range(levels + 1)]
        with seeded(seed):
            entering = [in_channels, *widths[:-1]]
            self.encoder = nn.ModuleList(_block(dim, a, b, padding) for a, b in zip(entering, widths, strict=True))
            self.up = nn.ModuleList(doubling(dim, 2 * w, w) for w in reversed(widths[:-1]))
            self.decoder = nn.ModuleList(_block(dim, 2 * w, w, padding) for w in reversed(widths[:-1]))
            self.pool = max_pool(dim)
            self.head = convolution(dim, width, out_channels, 1)

    def forward(self, x: Float[Tensor, "batch channel *space"]) -> Float[Tensor, "batch out *space"]:
        """Map fields to fields on the same grid.

        Args:
            x: Input fields, (batch, in_channels, *space).

        Raises:
            ShapeError: If the channels or axes do not fit, or an axis is no multiple of 2^levels.
        """
        check_fields(x, channels=self.in_channels, dim=self.dim, multiple=2**self.levels)
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            x = block(x)
            if level < self.levels:
                skips.append(x)
                x = self.pool(x)
        for up, block, skip in zip(self.up, self.decoder, reversed(skips), strict=True):
            x = block(torch.cat([up(x), skip], dim=1))
        out: Tensor = self.head(x)
        return out


def _block(dim: int, in_channels: int, out_channels: int, padding: Padding) -> nn.Sequential:
    return nn.Sequential(
        convolution(dim, in_channels, out_channels, 3, padding=padding, bias=False),
        batch_norm(dim, out_channels),
        nn.Tanh(),
        convolution(dim, out_channels, out_channels, 3, padding=padding, bias=False),
        batch_norm(dim, out_channels),
        nn.Tanh(),
    )
