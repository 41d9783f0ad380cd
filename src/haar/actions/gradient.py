"""Derivative of gridded values along one axis, per grid cell."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from haar.actions.fourier import multiply_modes
from haar.errors import ShapeError


def gradient(x: Tensor, axis: int, *, spectral: bool = False) -> Tensor:
    """Derivative along one axis, in units of one over the grid spacing.

    Args:
        x: Values, floating or complex.
        axis: The axis, negative.
        spectral: Whether to differentiate the trigonometric interpolant of a periodic axis, exact for band-limited
            values (the derivative of an even axis' highest mode vanishes at the nodes). Otherwise second-order
            differences, one-sided at both ends.

    Raises:
        ShapeError: If there are fewer than 3 values for differences.

    Example:
        >>> import torch
        >>> gradient(torch.arange(4.0) ** 2, -1).tolist()
        [0.0, 2.0, 4.0, 6.0]
    """
    n = x.shape[axis]
    if spectral:
        return multiply_modes(x, axis, lambda k: 1j * k * (2 * math.pi / n), 0.0)
    if n < 3:
        raise ShapeError("x", expected="at least 3 values along an axis to take differences", got=n)
    inner = (x.narrow(axis, 2, n - 2) - x.narrow(axis, 0, n - 2)) / 2
    first, second, third = (x.narrow(axis, k, 1) for k in range(3))
    start = (4 * second - 3 * first - third) / 2
    first, second, third = (x.narrow(axis, n - 1 - k, 1) for k in range(3))
    end = (3 * first - 4 * second + third) / 2
    return torch.cat([start, inner, end], axis)
