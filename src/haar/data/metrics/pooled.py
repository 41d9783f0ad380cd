"""Errors of independent units, relative to variances that are pooled: no single nearly constant field rules them."""

from __future__ import annotations

import torch
from jaxtyping import Float64, Real
from torch import Tensor

from haar.data.metrics.pointwise import NEAR_CONSTANT, SpaceMoments
from haar.errors import ArgumentError, ShapeError, check_rate


def pooled_errors(
    prediction: Real[Tensor, "*predicted"], truth: Real[Tensor, "*true"], *, dim: int, below: float = NEAR_CONSTANT
) -> Float64[Tensor, " unit"]:
    """The pooled VRMSE of every unit, such as a trajectory.

    A mean of The Well's VRMSE, a ratio for every sample and channel, is ruled by the few samples whose truth is nearly
    constant. Here every channel's squared errors are divided by that channel's variance over space averaged over all
    units, and so the root mean square over units is sqrt(mean over channels of (all squared errors / all variances)).
    A channel whose pooled variance is below `below` says nothing and is left out.

    Args:
        prediction: u, ``(unit, ..., channel, *space)``, in physical units.
        truth: v, the same shape.
        dim: Number of space axes.
        below: Bound on a channel's pooled variance.

    Returns:
        One number a unit; infinite where a prediction is not finite.

    Raises:
        ShapeError: If the shapes differ, or there is no axis of units before the channels.
        ArgumentError: If every channel is nearly constant, the truth is not finite, or the bound is negative.

    Example:
        >>> truth = torch.tensor([[[0.0, 2.0, 0.0, 2.0]], [[1.0, 1.0, 1.0, 1.0]]])
        >>> [round(x, 4) for x in pooled_errors(truth + 1, truth, dim=1).tolist()]
        [1.2247, 1.2247]
    """
    check_rate("below", below, zero=True)
    moments = SpaceMoments.of(prediction, truth, dim)
    if moments.variance.ndim < 2:
        raise ShapeError("truth", expected="(unit, ..., channel, *space)", got=tuple(truth.shape))
    axes = tuple(range(moments.variance.ndim - 1))
    variance = moments.variance.mean(axes)
    kept = variance >= below
    if not bool(kept.any()):
        got = f"at most {float(variance.max()):.2g}"
        raise ArgumentError("truth", expected=f"a channel whose variance over space is {below:g} or more", got=got)
    relative = moments.squared_error[..., kept] / variance[kept]
    errors = relative.flatten(1).mean(1).sqrt()
    return torch.where(errors.isfinite(), errors, torch.inf)
