"""Windows that slide over a grid: when padding and strides commute with reversals of its axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsIndex

import torch

from haar.errors import ArgumentError, ShapeError, check_count
from haar.groups import FiniteGroup, Group


def space_dim(group: Group, argument: str = "rep_in") -> int:
    """Number of axes of the grids that a point group moves.

    Raises:
        ArgumentError: If it moves none.
    """
    if group.space_dim not in (1, 2, 3):
        raise ArgumentError(
            argument,
            expected="a representation of a group that moves grids of 1, 2 or 3 axes",
            got=group.name,
            way_out="use dihedral(4), reflections(2), octahedral() or from_matrices(..., moves_grid=True)",
        )
    return group.space_dim


def reversed_axes(group: Group) -> tuple[int, ...]:
    """Axes that some element reverses.

    Example:
        >>> from haar.groups import cyclic, trivial
        >>> reversed_axes(cyclic(4)), reversed_axes(trivial(2))
        ((0, 1), ())
    """
    dim = space_dim(group)
    if not isinstance(group, FiniteGroup) or group.order > 4096:
        return tuple(range(dim))
    sign = group.motion(group.elements()).sign
    return tuple(torch.nonzero((sign < 0).any(0)).flatten().tolist())


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
    span = dilation * (kernel - 1) + 1
    for axis in axes:
        n = space[axis]
        left = (n + 2 * padding - span) % stride
        if left:
            raise ShapeError(
                "x",
                expected=f"a grid on which stride {stride} with kernel {kernel} and padding {padding} is symmetric",
                got=f"{n} points on axis {axis}, of which {left} are left over on one side",
                way_out=f"use {n - left + stride} points, a kernel of another parity, or pool exactly",
            )
