"""Natural gradients: of a few variables with a metric at each point, and of a model's parameters without a matrix."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError, check_count, check_rate
from haar.geometry.curvature import check_points
from haar.geometry.definite import check_metric
from haar.geometry.derivatives import Field, derivative
from haar.geometry.pointwise import check_alone
from haar.geometry.smooth import check_settled

#: Number of variables up to which a metric at every point is solved with directly.
MOST_VARIABLES = 50


def natural_gradient(loss: Callable[[Tensor], Tensor], z: Float[Tensor, "n d"], metric: Field) -> Float[Tensor, "n d"]:
    r"""The direction of steepest ascent in a metric, :math:`g(z)^{-1} \partial L(z)`, at each of some points.

    It is a vector: in other coordinates it is the same direction, which the plain gradient is not.

    Args:
        loss: Points to a number each, ``(n,)``, each of its own point alone.
        z: Points of at most `MOST_VARIABLES` coordinates.
        metric: The metric.

    Raises:
        ArgumentError: If there are too many variables, the loss has another shape or is not of each point alone, or
            the metric is none at a point.

    Source:
        Amari, "Natural gradient works efficiently in learning", Neural Computation 10 (1998).

    Example:
        >>> from haar.geometry.spaces import half_plane
        >>> natural_gradient(lambda z: z.sum(-1), torch.tensor([[0.0, 2.0]]), half_plane).tolist()
        [[4.0, 4.0]]
    """
    points = check_points(z)
    if points.shape[-1] > MOST_VARIABLES:
        raise ArgumentError(
            "z",
            expected=f"at most {MOST_VARIABLES} coordinates",
            got=points.shape[-1],
            way_out="natural_direction() needs no matrix",
        )
    check_settled(metric)
    check_alone(loss, points, "loss")
    g = metric(points)
    check_metric(g, points)
    value, along = None, []
    for direction in torch.eye(points.shape[-1], dtype=points.dtype, device=points.device):
        value, one = derivative(loss, points, direction.expand_as(points))
        along.append(one)
    if value is None or value.shape != points.shape[:1]:
        got = None if value is None else tuple(value.shape)
        raise ArgumentError("loss", expected=f"a number a point, shape ({len(points)},)", got=got)
    found: Tensor = torch.linalg.solve(g, torch.stack(along, -1))
    return found


class Direction(NamedTuple):
    """A direction in a model's parameters.

    Attributes:
        direction: By name of the parameter: what the gradient becomes in the metric.
        residual: Relative residual of the linear system.
        iterations: Steps of conjugate gradients taken.
    """

    direction: dict[str, Tensor]
    residual: float
    iterations: int


def natural_direction(
    model: nn.Module,
    inputs: Any,
    gradient: dict[str, Tensor],
    metric: Field | None = None,
    *,
    damping: float = 1e-3,
    iterations: int = 20,
    tolerance: float = 1e-6,
) -> Direction:
    r"""The natural gradient of a model's parameters in a metric on its outputs.

    Solves :math:`(E[J^T g(z) J] + \delta I)\, v = \nabla L` by conjugate gradients with products of Jacobians and
    vectors; no matrix is formed. With the identity it is the Gauss-Newton direction, with `Fisher` of the outputs the
    Fisher direction.

    Args:
        model: A module, inputs to outputs ``(n, d)``; in eval mode if it has layers that mix samples or draw.
        inputs: A batch, the model's first argument.
        gradient: By name of the parameter: the gradient of the loss.
        metric: On the outputs; by default the Euclidean one.
        damping: Delta.
        iterations: Greatest number of steps.
        tolerance: Relative residual at which it is done.

    Raises:
        ArgumentError: If a name is no parameter's, a gradient has not its parameter's shape and dtype or is not finite,
            a number is out of range, a layer mixes samples or draws, the output is not one tensor, or the metric is
            negative along a direction.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> x = torch.full((4, 1), 2.0)
        >>> found = natural_direction(model, x, {"weight": torch.tensor([[8.0]])}, damping=1e-9)
        >>> round(float(found.direction["weight"]), 4)  # 8 / E[x^2]
        2.0
    """
    check_rate("damping", damping)
    check_rate("tolerance", tolerance)
    check_count("iterations", iterations)
    held = dict(model.named_parameters())
    for name, value in gradient.items():
        if name not in held:
            raise ArgumentError("gradient", expected="names of the model's parameters", got=repr(name))
        _check_gradient(name, value, held[name])
    check_settled(model, "model")
    parameters = {name: held[name].detach() for name in gradient}

    def outputs(moved: dict[str, Tensor]) -> Tensor:
        made = torch.func.functional_call(model, moved, (inputs,))
        if not isinstance(made, Tensor):
            raise ArgumentError("model", expected="one tensor as its output", got=type(made).__name__)
        return made

    z, back = torch.func.vjp(outputs, parameters)[:2]
    g = None if metric is None else metric(z.detach())

    def product(v: dict[str, Tensor]) -> dict[str, Tensor]:
        dz = torch.func.jvp(outputs, (parameters,), (v,))[1]
        pulled = dz if g is None else (g @ dz[..., None])[..., 0]
        (made,) = back(pulled / len(z))
        return {name: made[name] + damping * v[name] for name in v}

    return _conjugate_gradients(product, {k: v.detach() for k, v in gradient.items()}, iterations, tolerance)


def _check_gradient(name: str, given: Tensor, parameter: Tensor) -> None:
    if given.shape != parameter.shape or given.dtype != parameter.dtype:
        shown = [f"{tuple(one.shape)} of {one.dtype}" for one in (parameter, given)]
        raise ArgumentError("gradient", expected=f"{shown[0]} for {name!r}, as the parameter is", got=shown[1])
    if not bool(given.isfinite().all()):
        raise ArgumentError("gradient", expected="finite numbers", got=f"NaN or infinity for {name!r}")


def _conjugate_gradients(
    product: Callable[[dict[str, Tensor]], dict[str, Tensor]], b: dict[str, Tensor], most: int, tolerance: float
) -> Direction:
    x = {name: torch.zeros_like(value) for name, value in b.items()}
    left, direction = dict(b), dict(b)
    start = size = _dot(b, b)
    done = 0
    while done < most and size > tolerance**2 * start:
        moved = product(direction)
        along = _dot(direction, moved)
        if not along > 0:
            raise ArgumentError(
                "metric", expected="values that are not negative along any direction", got=f"the square {along:.3g}"
            )
        step = size / along
        x = {name: x[name] + step * direction[name] for name in x}
        left = {name: left[name] - step * moved[name] for name in left}
        before, size = size, _dot(left, left)
        direction = {name: left[name] + size / before * direction[name] for name in left}
        done += 1
    return Direction(x, math.sqrt(size / start) if start else 0.0, done)


def _dot(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    return float(sum((a[name].double() * b[name].double()).sum() for name in a))
