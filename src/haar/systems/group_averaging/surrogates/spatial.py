"""What depends on the number of space dimensions: the layers' classes and the shape a network accepts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, ShapeError

Padding = Literal["zeros", "circular"]

_CONVOLUTION: tuple[type[nn.Conv1d | nn.Conv2d | nn.Conv3d], ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED: tuple[type[nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d], ...] = (
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
_BATCH_NORM: tuple[type[nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d], ...] = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
)
_MAX_POOL: tuple[type[nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d], ...] = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)


def convolution(
    dim: int,
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    padding: Padding = "zeros",
    groups: int = 1,
    bias: bool = True,
) -> nn.Module:
    """A convolution that keeps the grid: odd `kernel`, stride 1, padded with zeros or periodically."""
    return _CONVOLUTION[dim - 1](
        in_channels, out_channels, kernel, padding=kernel // 2, padding_mode=padding, groups=groups, bias=bias
    )


def halving(dim: int, in_channels: int, out_channels: int) -> nn.Module:
    """A convolution with kernel 2 and stride 2: half as many points along every axis."""
    return _CONVOLUTION[dim - 1](in_channels, out_channels, 2, stride=2)


def doubling(dim: int, in_channels: int, out_channels: int) -> nn.Module:
    """A transposed convolution with kernel 2 and stride 2: twice as many points along every axis."""
    return _TRANSPOSED[dim - 1](in_channels, out_channels, 2, stride=2)


def batch_norm(dim: int, channels: int) -> nn.Module:
    """Batch normalisation over `dim` space dimensions."""
    return _BATCH_NORM[dim - 1](channels)


def max_pool(dim: int) -> nn.Module:
    """The maximum over blocks of 2 points along every axis."""
    return _MAX_POOL[dim - 1](2)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw initial weights from `seed` and leave the global random state as it was.

    Whatever the default device, weights are drawn on the CPU, so that a seed gives the same network everywhere; only on
    the meta device nothing is drawn.

    Args:
        seed: Any whole number.

    Example:
        >>> with seeded(0):
        ...     a = torch.nn.Linear(2, 2)
        >>> with seeded(0):
        ...     b = torch.nn.Linear(2, 2)
        >>> torch.equal(a.weight, b.weight)
        True
    """
    device = torch.get_default_device()
    with torch.random.fork_rng(devices=[]), device if device.type == "meta" else torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        yield


def check_positive(**sizes: int) -> None:
    """Refuse sizes below 1, by the name they were given.

    Raises:
        ArgumentError: If one of them is smaller than 1.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ArgumentError(name, expected="at least 1", got=size)


def check_dim(dim: int) -> None:
    """Refuse anything but 1, 2 or 3 space dimensions.

    Raises:
        ArgumentError: If `dim` is another number.
    """
    if dim not in (1, 2, 3):
        raise ArgumentError("dim", expected="1, 2 or 3 space dimensions", got=dim)


def check_padding(padding: str) -> None:
    """Refuse an unknown way of padding.

    Raises:
        ArgumentError: If `padding` is neither ``"zeros"`` nor ``"circular"``.
    """
    if padding not in ("zeros", "circular"):
        raise ArgumentError("padding", expected="'zeros' or 'circular'", got=repr(padding))


def check_fields(x: Tensor, *, channels: int, dim: int, multiple: int = 1) -> None:
    """Refuse a tensor of fields that a network cannot take.

    Args:
        x: Fields, (batch, channels, *space).
        channels: The number of channels that the network was built for.
        dim: The number of space dimensions that it was built for.
        multiple: Every spatial axis must be a multiple of this.

    Raises:
        ShapeError: If the number of axes, of channels, or the length of a spatial axis does not fit.
    """
    if x.ndim != dim + 2:
        raise ShapeError("x", expected=f"(batch, channels, {dim} spatial axes)", got=f"{x.ndim} axes {tuple(x.shape)}")
    if x.shape[1] != channels:
        raise ShapeError("x", expected=f"{channels} channels", got=f"{x.shape[1]} in shape {tuple(x.shape)}")
    for axis in range(2, dim + 2):
        if x.shape[axis] % multiple != 0 or x.shape[axis] == 0:
            raise ShapeError(
                "x",
                expected=f"spatial axes that are multiples of {multiple}",
                got=f"{x.shape[axis]} points along axis {axis}",
                way_out="resample the field, or build the network with fewer levels",
            )
