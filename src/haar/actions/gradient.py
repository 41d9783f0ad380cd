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
        ShapeError: If there are fewer than 5 values for differences.

    Example:
        >>> import torch
        >>> gradient(torch.arange(5.0) ** 2, -1).tolist()
        [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    n = x.shape[axis]
    if spectral:
        return multiply_modes(x, axis, lambda k: 1j * k * (2 * math.pi / n), 0.0)
    if n < 5:
        raise ShapeError("x", expected="at least 5 values along an axis to take differences", got=n)

    def combined(weights: tuple[int, ...], start: int, count: int) -> Tensor:
        """A weighted sum of neighbours, from `start` on."""
        terms = [w * x.narrow(axis, start + k, count) for k, w in enumerate(weights) if w]
        return torch.stack(terms).sum(0) / 12

    inner = combined((1, -8, 0, 8, -1), 0, n - 4)
    edges = ((-25, 48, -36, 16, -3), (-3, -10, 18, -6, 1))
    first = [combined(weights, 0, 1) for weights in edges]
    last = [combined(tuple(-w for w in reversed(weights)), n - 5, 1) for weights in reversed(edges)]
    return torch.cat([*first, inner, *last], axis)
