"""Two copies of a model fine-tuned side by side: one with as much symmetry as the data carry, and a plain one."""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.average import Averaged, Given, SoftAverage
from haar.check.budget import Budget
from haar.check.measured import predictions, squared_errors
from haar.check.samples import Samples
from haar.entry import brief
from haar.errors import HaarError
from haar.limits import FEWEST_STEPS
from haar.probing import undisturbed
from haar.relax import Duals, Homotopy, fit, homotopise
from haar.relax.diagnosis.gradients import Loss
from haar.relax.wrapping.function import FunctionHomotopy
from haar.training import Plan, Run, draw
from haar.watch import Watch

#: Price of asymmetry beside an error of 1: tried from 0.01 to 1 on truths that lean by 5 % to 100 %, this one gained
#: nearly most where they lean little, and lost little where they lean all the way.
_PRICE = 0.1
#: Steps whose time says what one costs, after one that is not counted.
_TIMED = 2
_BY_HAND = "haar relax --help shows how a network is trained with a symmetry from the start"


class UntriedError(HaarError):
    """Why nothing was trained."""


@dataclass(frozen=True)
class Copies:
    """The two copies.

    Attributes:
        relaxed: The one that keeps a part of the symmetry.
        elements: How many copies of the model an answer of it takes.
        plain: The one that was trained without.
        steps: How many steps each was trained.
        gamma: What is left of the relaxed one's asymmetric part.
    """

    relaxed: SoftAverage
    elements: int
    plain: nn.Module
    steps: int
    gamma: float


def fine_tuned(
    model: Callable[..., Any],
    symmetry: Symmetry,
    seen: Samples,
    budget: Budget,
    *,
    scale: Tensor | None,
    seed: int,
    watch: Watch,
) -> Copies:
    """A relaxed copy and a plain one, trained on the same batches.

    The relaxed copy is Q f + gamma (f - Q f) with the average Q f over the group, gamma = 1 at the start, so that it
    begins as the user's own model; f is fine-tuned, and gamma moved by `haar.relax.Duals`, which let it keep as much
    asymmetry as pays for a small price. The loss is in units of the model's own error, so that price and error are
    comparable.

    Args:
        model: The user's model; it is copied, not changed.
        symmetry: What to relax over.
        seen: The samples, with labels.
        budget: How long.
        scale: What errors are divided by, broadcast against one output.
        seed: Of batches and of elements that are drawn.
        watch: Told of the steps.

    Raises:
        DivergedError: If training did.
        HaarError: If it cannot be wrapped or trained, or the time is too short.
    """
    whole = _module(model)
    data = (seen.inputs, seen.labels)
    try:
        with undisturbed(whole), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torch's own, in copies of exported programs
            homotopy = homotopise(whole, symmetry, mode="function", example=seen.inputs[:2], generator=seed)
            loss = _loss(homotopy, seen, scale)
            steps = _steps_that_fit(homotopy, data, loss, budget)
            fit(
                Duals(homotopy, "resilient", "ridge", steps=steps, rho=_PRICE),
                loss,
                data,
                steps=steps,
                batch_size=budget.batch_size,
                learning_rate=budget.learning_rate,
                seed=seed,
                watch=watch,
            )
            plain = _plainly(whole, data, loss, steps, budget, seed=seed, watch=watch)
    except HaarError:
        raise
    except Exception as error:
        message = f"the model cannot be trained ({brief(error)}); {_BY_HAND}"
        raise UntriedError(message) from error
    (layer,) = homotopy.layers.values()
    gamma = float(layer.gamma.detach())
    if not isinstance(layer, FunctionHomotopy) or not math.isfinite(gamma):
        message = f"training ended at gamma = {gamma}; give relax=haar.check.Budget(learning_rate=...), a lower one."
        raise UntriedError(message)
    averaged = Averaged(layer.module.eval(), symmetry, Given(layer.elements), micro_batch=1)
    soft = SoftAverage(averaged, torch.tensor([gamma])).eval()
    return Copies(soft, len(layer.elements), plain, steps, gamma)


def _module(model: Callable[..., Any]) -> nn.Module:
    """The model as one that can be trained.

    Raises:
        UntriedError: If it is none.
    """
    if not isinstance(model, nn.Module):
        message = f"a {type(model).__name__} has no weights to train, as a torch.nn.Module has."
        raise UntriedError(message)
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        message = "the model has no weights that are trained; set requires_grad_() on some."
        raise UntriedError(message)
    if any(torch.finfo(p.dtype).bits < 32 for p in trained if p.is_floating_point()):
        message = "the model's weights are in half precision, in which small steps are lost; give model.float()."
        raise UntriedError(message)
    return model


def _loss(homotopy: Homotopy, seen: Samples, scale: Tensor | None) -> Loss:
    """The mean squared error over that of the model, and what its asymmetric part is worth where that is larger.

    So the price of a gamma is comparable to what it pays, and the loss is nowhere steep in gamma, of any data.

    Raises:
        UntriedError: If there is nothing to learn.
    """
    y = predictions(homotopy, seen.inputs)
    with homotopy.at(0.0):
        averaged = predictions(homotopy, seen.inputs)
    own = squared_errors(y, seen, scale)
    part = squared_errors(y, replace(seen, labels=averaged), scale)
    size = max(float(own.sum()), float(part.sum())) / y.numel()
    if not float(own.sum()) > 0:
        message = "the model makes no error on the samples to train on."
        raise UntriedError(message)

    def loss(predicted: Tensor, target: Tensor) -> Tensor:
        wrong = predicted - target.to(predicted).reshape(predicted.shape)
        return (wrong if scale is None else wrong / scale.to(wrong)).square().mean() / size

    return loss


def _steps_that_fit(homotopy: Homotopy, data: tuple[Any, Any], loss: Loss, budget: Budget) -> int:
    """How many of the steps asked for are taken.

    Raises:
        UntriedError: If hardly any fit into the time.
    """
    if budget.seconds is None:
        return budget.steps
    trial = copy.deepcopy(homotopy).train()
    rows = torch.arange(budget.batch_size) % len(data[0])
    costs = []
    for _ in range(1 + _TIMED):
        start = time.perf_counter()
        loss(trial(data[0][rows]), data[1][rows]).backward()  # type: ignore[no-untyped-call]
        costs.append(time.perf_counter() - start)
    steps = budget.steps_of(min(costs[1:]))
    if steps < FEWEST_STEPS:
        message = (
            f"a step takes {min(costs[1:]):.2g} s, so that {steps} fit into {budget.seconds:g} s; allow more, "
            "relax=haar.check.Budget(seconds=...) or --seconds on the command line."
        )
        raise UntriedError(message)
    return steps


def _plainly(
    model: nn.Module, data: tuple[Any, Any], loss: Loss, steps: int, budget: Budget, *, seed: int, watch: Watch
) -> nn.Module:
    """A copy of the model, trained on the batches that the relaxed one saw, at the same rates."""
    made = copy.deepcopy(model)
    rate = budget.learning_rate
    plan = Plan(steps=steps, learning_rate=rate, batch_size=budget.batch_size, schedule="cosine")

    def of_step(step: int, generator: torch.Generator) -> Tensor:
        del step
        rows = draw(len(data[0]), budget.batch_size, generator)
        made.train()
        return loss(made(data[0][rows]), data[1][rows])

    Run([p for p in made.parameters() if p.requires_grad], of_step, plan, seed=seed).train(watch, "training plainly")
    return made.eval()
