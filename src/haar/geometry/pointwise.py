"""Whether what is called a metric is one value a point, and its derivatives are its own: tried on a few points."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.geometry.derivatives import derivative

#: Points that are tried, and the two steps of differences over the size of the points.
_TRIED, _STEPS = 4, (1e-4, 1e-5)
#: Values that move by more of their size with the other points are not each of their own, by precision.
_MOVED = {torch.float64: 1e-7}
#: Differences and derivatives that are further apart than this share are not of one function.
_APART = 0.1
#: Slopes below this share of the value, over the size of the points, are rounding.
_LEVEL = {torch.float64: 1e-4}


def check_pointwise(metric: Callable[[Tensor], Tensor], points: Tensor) -> None:
    """Refuse a metric whose values change with the other points of a batch, or whose derivatives torch does not see.

    A value that is detached has the derivative zero: curvature would be that of a constant metric.

    Raises:
        ArgumentError: If it is one of these.
    """
    z = points[:_TRIED].detach()
    size = max(float(points.detach().abs().max()), 1e-3)
    along = torch.linspace(1.0, 0.5, z.shape[-1], dtype=z.dtype, device=z.device).expand_as(z)
    moved = [z + sign * step * size * along for step in _STEPS for sign in (1, -1)]
    with torch.no_grad():
        together, alone = metric(torch.cat([z, *moved])), metric(z[:1])
        if len(together) != 5 * len(z) or len(alone) != 1:
            got = f"{len(alone)} for 1 point and {len(together)} for {5 * len(z)}"
            raise ArgumentError("metric", expected="a value for every point", got=got)
        values = together.unflatten(0, (5, len(z)))
        _check_alone(values[0, :1], alone)
        slope = derivative(metric, z, along)[1]
    wide, near = ((values[k] - values[k + 1]) / (2 * step * size) for k, step in ((1, _STEPS[0]), (3, _STEPS[1])))
    level = _LEVEL.get(z.dtype, 0.1) * values[0].abs().amax() / size
    sure = (wide - near).abs() < _APART * near.abs()  # differences that agree say what the slope is
    blind = slope == 0 if z.dtype != torch.float64 else (slope - near).abs() > _APART * near.abs()
    wrong = sure & (near.abs() > level) & blind
    if bool(wrong.any()):
        row = int(wrong.flatten(1).any(1).nonzero()[0])
        at = wrong[row].nonzero()[0].tolist()
        where = ", ".join(f"{float(x):.4g}" for x in z[row])
        raise ArgumentError(
            "metric",
            expected="values that torch can differentiate",
            got=f"the slope {float(slope[(row, *at)]):.3g} at ({where}), where differences say "
            f"{float(near[(row, *at)]):.3g}",
            way_out="leave out detach(), numpy and inference_mode within it",
        )


def check_alone(function: Callable[[Tensor], Tensor], points: Tensor, argument: str) -> None:
    """Refuse a function whose value at a point changes with the other points.

    Args:
        function: From points to one value each; of another shape it is left to others to refuse.
        points: Points to try it on, the first few.
        argument: What it is called.

    Raises:
        ArgumentError: If its value at the first point does.
    """
    z = points[:_TRIED].detach()
    with torch.no_grad():
        together, alone = function(z), function(z[:1])
    if together.shape == z.shape[:1] and alone.shape == (1,):
        _check_alone(together[:1], alone, argument)


def _check_alone(within: Tensor, alone: Tensor, argument: str = "metric") -> None:
    change = float((within - alone).abs().max())
    if change > _MOVED.get(alone.dtype, 1e-2) * float(alone.abs().max()):
        got = f"one that changes by {change:.2g} with the other points"
        raise ArgumentError(argument, expected="values of each point alone", got=got)
