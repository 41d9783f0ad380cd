"""Cubic convolution: interpolation of gridded values with an error of third order."""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float
from torch import Tensor


def cubic_convolution(
    x: Float[Tensor, "count channel *space"], places: Float[Tensor, "one *goal d"], padding: str
) -> Float[Tensor, "count channel *goal"]:
    """Values between the points of a grid, from the 4^d points around each place.

    The kernel is that of R. G. Keys, Cubic convolution interpolation for digital image processing (1981), with a =
    -1/2: the one of its family that reproduces parabolas, so that the error is of third order in the spacing.

    Args:
        x: Values on a grid of d axes.
        places: Where to read, in units of the grid's index; one set for all entries of axis 0, or one for each.
        padding: What stands outside: ``"border"`` (the nearest value), ``"zeros"`` or ``"reflection"`` (about the outer
            edges of the outermost cells).

    Example:
        >>> import torch
        >>> line = torch.arange(6.0)[None, None] ** 2
        >>> cubic_convolution(line, torch.tensor([[[2.5], [3.0]]]), "border").tolist()
        [[[6.25, 9.0]]]
    """
    space = x.shape[2:]
    axes = [_taps(place, n, padding) for place, n in zip(places.unbind(-1), space, strict=True)]
    flat = x.flatten(2)
    goal = places.shape[1:-1]
    total = torch.zeros((), dtype=x.dtype, device=x.device)
    for corner in itertools.product(range(4), repeat=len(space)):
        weight = torch.ones((), dtype=x.dtype, device=x.device)
        index = torch.zeros((), dtype=torch.int64, device=x.device)
        for (indices, weights), tap, n in zip(axes, corner, space, strict=True):
            weight = weight * weights[tap].to(x.dtype)
            index = index * n + indices[tap]
        if len(places) == 1:
            values = flat[:, :, index[0].reshape(-1)]
        else:
            values = flat.gather(2, index.flatten(1).unsqueeze(1).expand(-1, flat.shape[1], -1))
        total = total + values * weight.flatten(1).unsqueeze(1)
    return total.reshape(*x.shape[:2], *goal)


def _taps(place: Tensor, n: int, padding: str) -> tuple[list[Tensor], list[Tensor]]:
    """Indices and weights of the four neighbours along one axis."""
    base = place.floor()
    t = place - base
    weights = [
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    ]
    indices = []
    for tap in range(4):
        index = base.to(torch.int64) + (tap - 1)
        if padding == "zeros":
            weights[tap] = weights[tap] * ((index >= 0) & (index < n))
        elif padding == "reflection":
            index = index.remainder(2 * n)
            index = torch.minimum(index, 2 * n - 1 - index)
        indices.append(index.clamp(0, n - 1))
    return indices, weights
