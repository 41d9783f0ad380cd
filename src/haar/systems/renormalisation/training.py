"""Training of an ensemble: Adam with a cosine schedule, every network as if it were alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError, ShapeError

Observer = Callable[[int, nn.Module, Tensor], None]
"""Called before every step with its number, the model, and the losses of all networks."""


@dataclass(frozen=True)
class Plan:
    """How to train.

    Args:
        steps: Number of steps.
        rate: Learning rate at the start; it falls to 0 as a cosine.
        decay: L2 penalty on the free parameters, as Adam's ``weight_decay``.
        batch: Samples of a step, drawn with replacement; all of them by default.
        momentum: Adam; otherwise plain gradient descent.

    Raises:
        ArgumentError: If a number is out of range.

    Example:
        >>> Plan(steps=10).rate
        0.01
    """

    steps: int = 1500
    rate: float | int = 1e-2
    decay: float | int = 0.0
    batch: int | None = None
    momentum: bool = True

    def __post_init__(self) -> None:
        if self.steps < 1 or (self.batch is not None and self.batch < 1):
            raise ArgumentError("steps, batch", expected="at least 1", got=f"{self.steps}, {self.batch}")
        if self.rate <= 0 or self.decay < 0:
            raise ArgumentError("rate, decay", expected="rate > 0 and decay >= 0", got=f"{self.rate}, {self.decay}")


def fit(
    model: nn.Module,
    x: Float[Tensor, "*networks samples inputs"],
    y: Float[Tensor, "*targets"],
    *,
    plan: Plan | None = None,
    penalty: Callable[[], Tensor] | None = None,
    observer: Observer | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "steps networks"]:
    """Train all networks of an ensemble in place, on the same samples or on samples of their own.

    The loss is the sum of the networks' mean squared errors, so no network feels another. A network whose loss is not
    finite stays so and harms nobody.

    Args:
        model: An `Ensemble`, or a module that wraps one: from x to (networks, samples).
        x: Inputs.
        y: Targets.
        plan: How; the plan of the paper's protocol by default.
        penalty: Added to the loss, such as `StaticBias.decay`.
        observer: Told of every step.
        generator: Source of mini-batches.

    Returns:
        The mean squared errors before every step.

    Raises:
        ShapeError: If targets do not fit inputs.

    Example:
        >>> from haar.systems.renormalisation import PerceptronEnsemble, Sizes, one_shot
        >>> x = torch.randn(64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        >>> nets = PerceptronEnsemble("free", "linear", Sizes(2, 4, 1), seeds=range(2))
        >>> losses = fit(nets, x, one_shot(x), plan=Plan(steps=300, rate=3e-2))
        >>> bool((losses[-1] < 1e-6).all())
        True
    """
    plan = plan or Plan()
    if y.shape != x.shape[:-1]:
        raise ShapeError("y", expected=f"one target a sample, {tuple(x.shape[:-1])}", got=tuple(y.shape))
    parameters = [value for value in model.parameters() if value.requires_grad]
    optimiser: torch.optim.Optimizer = (
        torch.optim.Adam(parameters, lr=plan.rate, weight_decay=plan.decay)
        if plan.momentum
        else torch.optim.SGD(parameters, lr=plan.rate, weight_decay=plan.decay)
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: 0.5 * (1.0 + math.cos(math.pi * k / plan.steps)))
    history = []
    for step in range(plan.steps):
        here, there = x, y
        if plan.batch is not None:
            at = torch.randint(x.shape[-2], (plan.batch,), generator=generator)
            here, there = x[..., at, :], y[..., at]
        optimiser.zero_grad(set_to_none=True)
        losses = (model(here) - there).square().mean(-1)
        history.append(losses.detach())
        if observer is not None:
            observer(step, model, history[-1])
        total = losses.sum() if penalty is None else losses.sum() + penalty()
        total.backward()
        optimiser.step()
        schedule.step()
    return torch.stack(history)
