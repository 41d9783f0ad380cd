"""A U-Net of ConvNeXt blocks: wide depthwise convolutions, normalisation over channels, a pointwise network."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from haar.systems.group_averaging.surrogates.spatial import (
    Padding,
    check_dim,
    check_fields,
    check_padding,
    check_positive,
    convolution,
    doubling,
    halving,
    seeded,
)

_EPSILON = 1e-6


class ConvNeXtBlock(nn.Module):
    """x + scale * W2 GELU(W1 LayerNorm(depthwise(x))); 7-point depthwise convolution, hidden channels 4 times as many.

    Args:
        channels: Channels of input and output.
        padding: ``"zeros"`` or ``"circular"``.
        dim: Number of space dimensions.

    Example:
        >>> ConvNeXtBlock(4)(torch.zeros(1, 4, 8, 8)).shape
        torch.Size([1, 4, 8, 8])

    Source: Liu et al., arXiv 2201.03545, figure 4.
    """

    def __init__(self, channels: int, *, padding: Padding = "zeros", dim: int = 2) -> None:
        super().__init__()
        self.depthwise = convolution(dim, channels, channels, 7, padding=padding, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=_EPSILON)
        self.expand = nn.Linear(channels, 4 * channels)
        self.contract = nn.Linear(4 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 1e-6))

    def forward(self, x: Float[Tensor, "batch channel *space"]) -> Float[Tensor, "batch channel *space"]:
        """Add the block's correction to `x`, (batch, channels, *space)."""
        y = self.norm(self.depthwise(x).movedim(1, -1))
        y = self.scale * self.contract(functional.gelu(self.expand(y)))
        out: Tensor = x + y.movedim(-1, 1)
        return out


class ConvNeXtUNet(nn.Module):
    """A U-Net whose stages are ConvNeXt blocks; channels double at every stage.

    A stage is its blocks, then LayerNorm and a resampling by 2. On the way up, the encoder's field of the same grid is
    appended and a pointwise map halves the channels again; the field of the finest grid is not handed over, as in the
    benchmark. Padded with zeros it has no exact symmetry; with `padding="circular"` it commutes with shifts by
    multiples of 2^stages.

    Args:
        in_channels: Channels of the input fields.
        out_channels: Channels of the output fields.
        width: Channels of the finest stage.
        stages: Number of resamplings; the grid must be a multiple of 2^stages along every axis.
        blocks: ConvNeXt blocks a stage; between the way down and the way up there is always one.
        padding: ``"zeros"`` or ``"circular"``.
        dim: Number of space dimensions, 1, 2 or 3.
        seed: Seed of the initial weights.

    Raises:
        ArgumentError: If a size is below 1 or the padding is unknown.

    Example:
        >>> net = ConvNeXtUNet(4, 2, width=4, stages=2, blocks=1)
        >>> net(torch.zeros(1, 4, 16, 8)).shape
        torch.Size([1, 2, 16, 8])

    Source: Liu et al., arXiv 2201.03545; sizes of the benchmark from Ohana et al., arXiv 2412.00568.
    """

    prefers_channels_last = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int,
        stages: int = 4,
        blocks: int = 2,
        padding: Padding = "zeros",
        dim: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_dim(dim)
        check_padding(padding)
        check_positive(in_channels=in_channels, out_channels=out_channels, width=width, stages=stages, blocks=blocks)
        self.dim, self.in_channels, self.out_channels, self.stages = dim, in_channels, out_channels, stages
        self.config = {"width": width, "stages": stages, "blocks": blocks, "padding": padding, "dim": dim}
        # The benchmark's 18.6 M parameters at width 42 come from one block at the bottom, a decoder stage that works
        # *before* it upsamples (so the widest channels have blocks twice), and no hand-over on the finest grid.
        down = [width * 2**stage for stage in range(stages)]
        up = [2 * w for w in reversed(down)]

        def stage(channels: int) -> nn.Sequential:
            return nn.Sequential(*(ConvNeXtBlock(channels, padding=padding, dim=dim) for _ in range(blocks)))

        with seeded(seed):
            self.enter = convolution(dim, in_channels, width, 3, padding=padding)
            self.down = nn.ModuleList(stage(w) for w in down)
            self.downsample = nn.ModuleList(nn.Sequential(_ChannelNorm(w), halving(dim, w, 2 * w)) for w in down)
            self.bottom = ConvNeXtBlock(up[0], padding=padding, dim=dim)
            self.merge = nn.ModuleList(convolution(dim, 2 * w, w, 1) for w in up[1:])
            self.up = nn.ModuleList(stage(w) for w in up)
            self.upsample = nn.ModuleList(nn.Sequential(_ChannelNorm(w), doubling(dim, w, w // 2)) for w in up)
            self.leave = convolution(dim, width, out_channels, 3, padding=padding)

    def forward(self, x: Float[Tensor, "batch channel *space"]) -> Float[Tensor, "batch out *space"]:
        """Map fields to fields on the same grid.

        Args:
            x: Input fields, (batch, in_channels, *space).

        Raises:
            ShapeError: If the channels or axes do not fit, or an axis is no multiple of 2^stages.
        """
        check_fields(x, channels=self.in_channels, dim=self.dim, multiple=2**self.stages)
        x = self.enter(x)
        skips: list[Tensor] = []
        for blocks, downsample in zip(self.down, self.downsample, strict=True):
            skips.append(x)
            x = downsample(blocks(x))
        x = self.bottom(x)
        for index, (blocks, upsample) in enumerate(zip(self.up, self.upsample, strict=True)):
            if index > 0:
                x = self.merge[index - 1](torch.cat([x, skips[-index]], dim=1))
            x = upsample(blocks(x))
        out: Tensor = self.leave(x)
        return out


class _ChannelNorm(nn.Module):
    """LayerNorm over the channels of (batch, channels, *space)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=_EPSILON)

    def forward(self, x: Float[Tensor, "batch channel *space"]) -> Float[Tensor, "batch channel *space"]:
        normed: Tensor = self.norm(x.movedim(1, -1))
        return normed.movedim(-1, 1)
