"""Physics-informed fits: a module made to solve an equation that is given as a residual."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError, ShapeError, check_count
from haar.nn.basis.conditions import Conditions, Residual, Solution
from haar.nn.basis.residual_attention import ResidualAttention
from haar.probing.forward_mode import ForwardMode
from haar.training import Checkpoint, Plan, Run, draw
from haar.watch import Unwatched, Watch

Form = Callable[[Tensor, Tensor], Tensor]


def derivative(
    function: Solution, x: Float[Tensor, "samples count"], axis: int, order: int = 1
) -> Float[Tensor, "samples outputs"]:
    """The derivative along a coordinate, of any order, by as many forward-mode passes: no Hessian is formed.

    Args:
        function: Of a batch of points, one by one.
        x: The points.
        axis: The coordinate.
        order: How many times.

    Raises:
        ArgumentError: If there is no such coordinate or order.

    Example:
        >>> x = torch.tensor([[2.0, 1.0]])
        >>> derivative(lambda x: x[:, :1] ** 3 * x[:, 1:], x, axis=0, order=2).tolist()
        [[12.0]]
    """
    check_count("order", order)
    if not -x.shape[-1] <= axis < x.shape[-1]:
        raise ArgumentError("axis", expected=f"a coordinate, 0 to {x.shape[-1] - 1}", got=axis)
    along = torch.zeros_like(x)
    along[..., axis] = 1

    def once(inner: Solution) -> Solution:
        return lambda at: torch.func.jvp(inner, (at,), (along,))[1]

    for _ in range(order):
        function = once(function)
    with warnings.catch_warnings():
        # torch compiles its forward-mode rules with torch.jit.script on first use, and warns of itself.
        warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=DeprecationWarning)
        with ForwardMode():
            return function(x)


def laplacian(function: Solution, x: Float[Tensor, "samples count"]) -> Float[Tensor, "samples outputs"]:
    """The sum of the second derivatives along all coordinates, of every output; it can be differentiated further.

    By reverse mode, where all coordinates share one pass forwards: for a KKAN of two coordinates it takes half the time
    of two calls of `derivative`, for a perceptron a third. Within `torch.func`'s transforms take those.

    Args:
        function: Of a batch of points, one by one.
        x: The points.

    Raises:
        ShapeError: If the function does not give a row of outputs for every point.

    Example:
        >>> x = torch.tensor([[2.0, 1.0]])
        >>> laplacian(lambda x: x[:, :1] ** 3 * x[:, 1:] ** 2, x).tolist()  # 6 x0 x1^2 + 2 x0^3
        [[28.0]]
    """
    with torch.enable_grad():
        at = x if x.requires_grad else x.detach().requires_grad_()
        y = function(at)
        if y.ndim != 2 or len(y) != len(x):
            raise ShapeError("function", expected=f"({len(x)}, outputs) of {len(x)} points", got=tuple(y.shape))
        found = torch.cat([_traced_curvature(column, at) for column in y.split(1, 1)], 1)
    return found if torch.is_grad_enabled() else found.detach()


def _traced_curvature(values: Tensor, at: Tensor) -> Tensor:
    """The trace of the Hessian of each value by its own point."""
    found = torch.zeros_like(values)
    if not values.requires_grad:
        return found
    slopes = torch.autograd.grad(values.sum(), at, create_graph=True, materialize_grads=True)[0]
    for axis in range(at.shape[1]):
        slope = slopes[:, axis].sum()
        if slope.requires_grad:
            bends = torch.autograd.grad(slope, at, create_graph=True, materialize_grads=True)[0]
            found = found + bends[:, axis : axis + 1]
    return found


def fit_residual(
    model: nn.Module,
    residual: Residual,
    points: Float[Tensor, "points count"],
    *,
    form: Form | None = None,
    plan: Plan | None = None,
    attention: ResidualAttention | None = None,
    conditions: Conditions | None = None,
    seed: int = 0,
    checkpoint: str | None = None,
    watch: Watch = Unwatched(),
) -> Float[Tensor, " steps"]:
    """Train a module to make a residual vanish at some points.

    Args:
        model: Any module from points to values; it is trained in place.
        residual: ``residual(u, x)`` for a function u and points x: a number, or several, of every point. Take
            derivatives with `derivative` or `laplacian`, or in any other way that torch knows.
        points: The collocation points.
        form: ``form(x, y)`` makes the solution of the module's values, so that conditions on the boundary hold exactly,
            such as ``lambda x, y: (1 - x**2) * y``; by default the values themselves.
        plan: Steps, optimiser, rate; with `batch_size` each step takes so many points; by default all in 1000 steps.
        attention: Weights of the points; without, the mean of the squares is lowered.
        conditions: What must vanish besides, on points of its own, such as values at a boundary that no form builds in;
            how much each counts follows from the gradients.
        seed: Of what is drawn.
        checkpoint: A file from which a run that was killed goes on.
        watch: Told of every step.

    Returns:
        The loss before each step.

    Raises:
        ArgumentError: If there is no point, or attention is for another number of them.
        DivergedError: If a loss is not finite.

    Example:
        >>> from haar.nn import KKAN
        >>> model = KKAN(1, inner=(8, 2), mixing=8, generator=torch.Generator().manual_seed(0))
        >>> x = torch.linspace(-1, 1, 32)[:, None]
        >>> poisson = lambda u, x: derivative(u, x, 0, 2) + 2  # u'' = -2, so that u = 1 - x^2
        >>> losses = fit_residual(
        ...     model, poisson, x, form=lambda x, y: (1 - x**2) * y, plan=Plan(steps=150, learning_rate=5e-3)
        ... )
        >>> bool(losses[-1] < 0.1 * losses[0])
        True
    """
    if points.ndim != 2 or not len(points):
        raise ShapeError("points", expected="(points, coordinates), at least one", got=tuple(points.shape))
    if attention is not None and len(attention.weights) != len(points):
        got = f"{len(attention.weights)} weights"
        raise ArgumentError("attention", expected=f"one weight for each of {len(points)} points", got=got)
    how = Plan(steps=1000) if plan is None else plan

    def solution(x: Tensor) -> Tensor:
        y: Tensor = model(x)
        return y if form is None else form(x, y)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        index = torch.arange(len(points)) if how.batch_size is None else draw(len(points), how.batch_size, generator)
        index = index.to(points.device)
        found = residual(solution, points[index])
        if found.shape[:1] != index.shape:
            raise ShapeError("residual", expected=f"{len(index)} rows, one for each point", got=tuple(found.shape))
        equation = found.square().mean() if attention is None else attention(found, index)
        return equation if conditions is None else conditions(solution, equation, model.parameters())

    states: dict[str, Any] = {"model": model} | ({} if attention is None else {"attention": attention})
    states |= {} if conditions is None else {"conditions": conditions}
    kept = Checkpoint(checkpoint, states)
    return Run(model.parameters(), loss, how, seed=seed, checkpoint=kept).train(watch, "residual")
