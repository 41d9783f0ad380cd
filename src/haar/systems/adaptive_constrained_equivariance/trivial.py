"""What needs no network: the mean, a linear model, a body that stays or goes straight on."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from haar.systems.adaptive_constrained_equivariance.task import Task
from haar.systems.adaptive_constrained_equivariance.trial import Configuration, TrialPlan

Json = dict[str, Any]
Pair = tuple[Tensor, Tensor]
#: Ridges of the linear model that are tried, in mean squares of its inputs: as many as of every rule with a setting.
_RIDGES = (1e-4, 1e-2, 1.0)


def trivial(configuration: Configuration, plan: TrialPlan) -> dict[str, Json]:
    """Predictors that train no network, on one configuration's data; by the names that tables give them.

    Args:
        configuration: The data set.
        plan: How many samples validate and test.

    Returns:
        Error on test data and on validation data, and how many settings were tried: for the constant that fits best
        (``"mean"``), and where the task has numbers as targets for a linear model by least squares with a ridge; where
        bodies move also for what stays where it is and for what goes on in a straight line, its pace fitted.

    Example:
        >>> from haar.systems.adaptive_constrained_equivariance.vectors import VectorTask
        >>> found = trivial(Configuration(VectorTask(), 256, 0), TrialPlan())
        >>> list(found), found["linear model"]["error"] < found["mean"]["error"]
        (['mean', 'linear model'], True)
    """
    c = configuration
    train = c.task.sample("train", c.samples, c.generator(1))
    held = c.task.sample("validation", plan.validation, c.generator(5))
    tests = c.task.sample("test", plan.tests, c.generator(3))
    constant = c.task.constant(train[1])
    found = {"mean": _worth(c.task, [constant.expand(len(x), *constant.shape) for x, _ in (held, tests)], held, tests)}
    if c.task.numbers:
        tried = [_linear(c.task, ridge, train, held, tests) for ridge in _RIDGES]
        best = min(tried, key=lambda one: math.inf if one["validation"] is None else one["validation"])
        found["linear model"] = {**best, "tries": len(_RIDGES)}
    motion = c.task.moving(train[0])
    if motion is not None:
        places, ways = motion
        pace = ((train[1] - places) * ways).sum() / ways.square().sum()
        for name, factor in (("persistence", 0.0), ("straight on", float(pace))):
            guessed = [_moved(c.task, x, factor) for x, _ in (held, tests)]
            found[name] = _worth(c.task, guessed, held, tests)
    return found


def _linear(task: Task, ridge: float, train: Pair, held: Pair, tests: Pair) -> Json:
    x, y = (part.flatten(1).double() for part in train)
    middle, height = x.mean(0), y.mean(0)
    x, y = x - middle, y - height
    square = x.T @ x / len(x)
    weight = ridge * float(square.diagonal().mean()) * torch.eye(len(square), dtype=square.dtype)
    slope = torch.linalg.solve(square + weight, x.T @ y / len(x))
    guessed = [((given.flatten(1).double() - middle) @ slope + height).view(of.shape) for given, of in (held, tests)]
    return {**_worth(task, guessed, held, tests), "setting": ridge}


def _moved(task: Task, x: Tensor, pace: float) -> Tensor:
    motion = task.moving(x)
    return x if motion is None else motion[0] + pace * motion[1]


def _worth(task: Task, guessed: list[Tensor], held: Pair, tests: Pair) -> Json:
    losses = [
        float(task.losses(guess[None].to(y.dtype), y[None])[0])
        for guess, (_, y) in zip(guessed, (held, tests), strict=True)
    ]
    validation, error = (loss if math.isfinite(loss) else None for loss in losses)
    return {"error": error, "validation": validation, "tries": 1}
