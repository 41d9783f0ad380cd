"""Windows that slide over a grid: when padding and strides commute with reversals of its axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

from torch import nn

from haar.errors import ArgumentError, ShapeError, check_count


def exact_padding(kernel: int, stride: int, padding: int | str, dilation: int = 1) -> int:
    """The number of points added at both ends.

    Raises:
        ArgumentError: If a size is below 1, or an even kernel is to be padded to the same size.
    """
    for name, value in (("kernel_size", kernel), ("stride", stride), ("dilation", dilation)):
        check_count(name, value)
    if padding == "same":
        if (dilation * (kernel - 1)) % 2:
            raise ArgumentError(
                "kernel_size",
                expected="an odd kernel for padding 'same'",
                got=kernel,
                way_out="an even one would pad one side more: use an odd kernel, or padding on both sides",
            )
        return dilation * (kernel - 1) // 2
    if isinstance(padding, bool) or not isinstance(padding, SupportsIndex) or padding.__index__() < 0:
        raise ArgumentError("padding", expected="'same' or a number of points", got=repr(padding))
    return padding.__index__()


def left_over(n: int, kernel: int, stride: int, padding: int = 0, dilation: int = 1) -> int:
    """How many points of an axis the last window does not reach; not 0 if windows stand at one side.

    Example:
        >>> left_over(32, 3, 2, 1), left_over(33, 3, 2, 1)
        (1, 0)
    """
    return (n + 2 * padding - dilation * (kernel - 1) - 1) % stride


def each(value: int | Sequence[int], count: int) -> list[int]:
    """A setting for every axis.

    Example:
        >>> each(3, 2), each((3, 5), 2)
        ([3, 3], [3, 5])
    """
    return [int(value)] * count if isinstance(value, int) else [int(v) for v in value]


def padding_of(module: nn.Module, kernel: int, dilation: int, axis: int, count: int) -> int | None:
    """Points that a layer adds at both ends of an axis; None where "same" adds one more at one end.

    Example:
        >>> padding_of(nn.Conv2d(1, 1, 4, padding="same"), 4, 1, 0, 2), padding_of(nn.Conv1d(1, 1, 3), 3, 1, 0, 1)
        (None, 0)
    """
    padding: Any = module.padding
    if padding == "same":
        around = dilation * (kernel - 1)
        return None if around % 2 else around // 2
    return 0 if padding == "valid" else each(padding, count)[axis]


def check_window(
    space: Sequence[int], axes: Sequence[int], *, kernel: int, stride: int, padding: int = 0, dilation: int = 1
) -> None:
    """Raise if strided windows reach one side of a reversed axis only, so that a reversal would pick other points.

    Args:
        space: Points along every axis.
        axes: Axes that some element reverses.
        kernel: Points of the window along an axis.
        stride: Step of the windows.
        padding: Points added at both ends.
        dilation: Distance of the window's points.

    Raises:
        ShapeError: Naming the size and a size that works.

    Example:
        >>> check_window((32, 33), (0, 1), kernel=3, stride=2, padding=1)
        Traceback (most recent call last):
        ...
        haar.errors.ShapeError: x: expected a grid on which stride 2 with kernel 3 and padding 1 is symmetric, got 32
        points on axis 0, of which 1 are left over on one side; use 33 points, a kernel of another parity, or pool
        exactly
    """
    for axis in axes:
        n = space[axis]
        left = left_over(n, kernel, stride, padding, dilation)
        if left:
            raise ShapeError(
                "x",
                expected=f"a grid on which stride {stride} with kernel {kernel} and padding {padding} is symmetric",
                got=f"{n} points on axis {axis}, of which {left} are left over on one side",
                way_out=f"use {n - left + stride} points, a kernel of another parity, or pool exactly",
            )
