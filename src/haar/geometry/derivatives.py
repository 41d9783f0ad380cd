"""Exact derivatives of a metric, point by point: one pass in forward mode over copies of the batch."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from haar.errors import ArgumentError
from haar.probing.forward_mode import ForwardMode

Field = Callable[[Tensor], Tensor]
"""What has a value at every point: points ``(n, d)`` to values ``(n, ...)``, each of its own point alone."""


#: What errors of torch mean here, by a part of their text.
_TOLD = {
    "data pointer": "operators of torch, which can be differentiated: no numpy within it",
    "same dtype": "numbers of one precision, that of the points",
    "expected scalar type": "numbers of one precision, that of the points",
}


class Jet(NamedTuple):
    """A field and its derivatives at points.

    Attributes:
        value: The field.
        first: Its derivatives d_k, on a last axis.
        second: Its derivatives d_k d_l, on two last axes; None where they were not asked for.
    """

    value: Float[Tensor, "n *shape"]
    first: Float[Tensor, "n *shape d"]
    second: Float[Tensor, "n *shape d d"] | None


def derivative(field: Callable[[Tensor], Any], points: Tensor, direction: Tensor) -> tuple[Any, Any]:
    """A field and its derivative along a direction at each point, by one pass in forward mode.

    Raises:
        ArgumentError: If the field has an operator that forward mode does not know.
    """
    _load_rules()
    try:
        try:
            with ForwardMode():
                value, along = torch.func.jvp(field, (points,), (direction,))[:2]
        except NotImplementedError as error:
            if "scaled_dot_product" not in str(error):
                raise
            with ForwardMode(), sdpa_kernel(SDPBackend.MATH):  # the one kernel of attention that has a forward mode
                value, along = torch.func.jvp(field, (points,), (direction,))[:2]
    except NotImplementedError as error:
        raise ArgumentError(
            "metric",
            expected="operators with a derivative in forward mode",
            got=str(error).split("\n")[0][:120],
            way_out="replace that operator, or give the metric in closed form",
        ) from error
    except RuntimeError as error:
        told = next((told for word, told in _TOLD.items() if word in str(error)), None)
        if told is None:
            raise
        raise ArgumentError("metric", expected=told, got=str(error).split("\n")[0][:120]) from error
    return value, along


@functools.cache
def _load_rules() -> None:
    """Have torch compile its forward-mode rules with torch.jit.script now, of which it warns itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=DeprecationWarning)
        torch.func.jvp(torch.sin, (torch.zeros(1),), (torch.ones(1),))


def first_jet(field: Field, points: Float[Tensor, "n d"]) -> Jet:
    """The field and its first derivatives: one pass over d copies of the points, each along a coordinate.

    Example:
        >>> points = torch.tensor([[1.0, 2.0]])
        >>> first_jet(lambda z: z[:, 0] * z[:, 1], points).first.tolist()
        [[2.0, 1.0]]
    """
    count, size = points.shape
    value, along = derivative(field, _copies(points, size), _directions(points, range(size)))
    _check_count(value, count * size)
    return Jet(value[:count], torch.stack(along.unflatten(0, (size, count)).unbind(0), -1), None)


def second_jet(field: Field, points: Float[Tensor, "n d"]) -> Jet:
    """The field with first and second derivatives: one pass over a copy of the points for each pair of coordinates.

    Example:
        >>> second_jet(lambda z: z[:, 0] ** 2 * z[:, 1], torch.tensor([[1.0, 2.0]])).second.tolist()
        [[[4.0, 2.0], [2.0, 0.0]]]
    """
    count, size = points.shape
    pairs = [(k, m) for k in range(size) for m in range(k + 1)]
    one, other = (_directions(points, side) for side in zip(*pairs, strict=True))
    (value, first), (_, second) = derivative(lambda z: derivative(field, z, one), _copies(points, len(pairs)), other)
    _check_count(value, count * len(pairs))
    first, second = (made.unflatten(0, (len(pairs), count)).unbind(0) for made in (first, second))
    place = {pair: at for at, pair in enumerate(pairs)}
    slopes = torch.stack([first[place[k, k]] for k in range(size)], -1)
    rows = [torch.stack([second[place[max(k, m), min(k, m)]] for m in range(size)], -1) for k in range(size)]
    return Jet(value[:count], slopes, torch.stack(rows, -2))


def _check_count(value: Tensor, count: int) -> None:
    if not value.ndim or len(value) != count:
        way_out = "a constant is expanded: g.expand(len(z), d, d)"
        raise ArgumentError(
            "metric", expected=f"a value for each of {count} points", got=tuple(value.shape), way_out=way_out
        )


def _copies(points: Tensor, copies: int) -> Tensor:
    return points.repeat(copies, 1)


def _directions(points: Tensor, coordinates: Any) -> Tensor:
    """For each copy of the points, the direction of a coordinate."""
    rows = torch.eye(points.shape[-1], dtype=points.dtype, device=points.device)[list(coordinates)]
    return rows.repeat_interleave(len(points), 0)
