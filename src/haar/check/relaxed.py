"""Training with as much symmetry as the data carry, from the model's own weights, beside training without."""

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
from haar.audit import Audit
from haar.average import Averaged, Given, SoftAverage
from haar.check.budget import Budget
from haar.check.measured import predictions, squared_errors
from haar.check.repair import Repair
from haar.check.samples import Samples
from haar.entry import brief
from haar.errors import HaarError
from haar.groups.door import check_compact
from haar.limits import FEWEST_STEPS
from haar.probing import undisturbed
from haar.relax import Duals, Homotopy, fit, homotopise
from haar.relax.diagnosis.gradients import Loss
from haar.relax.wrapping.function import FunctionHomotopy
from haar.statistics import FEWEST, Estimate, ratio
from haar.training import DivergedError, Plan, Run, draw
from haar.watch import Unwatched, Watch

#: Price of asymmetry beside an error of 1: tried from 0.01 to 1 on truths that lean by 5 % to 100 %, this one gained
#: nearly most where they lean little, and lost little where they lean all the way.
_PRICE = 0.1
#: Random elements of a group that cannot be listed.
_DRAWN = 16
#: Steps whose time says what one costs, after one that is not counted.
_TIMED = 2
_BY_HAND = "haar relax --help shows how a network is trained with a symmetry from the start"


@dataclass(frozen=True)
class Training:
    """How the copies were trained.

    Attributes:
        budget: The plan; its `steps` are those taken.
        asked: Steps that were asked for; `budget.seconds` may allow fewer.
        rows: Samples that they were trained on.
        gamma: What is left of the asymmetric part: 0 is the average, 1 the fine-tuned copy itself.
    """

    budget: Budget
    asked: int
    rows: int
    gamma: float


@dataclass(frozen=True)
class Gains:
    """Errors on held-out samples, each minus another, over the other.

    Attributes:
        change: Of the relaxed copy beside the model.
        plain: Of plain fine-tuning, for as many steps on the same batches, beside the model.
        beyond: Of the relaxed copy beside the plain one.
        over_soft: Of the relaxed copy beside the soft average, where there was one.
    """

    change: Estimate
    plain: Estimate
    beyond: Estimate
    over_soft: Estimate | None

    @property
    def clear(self) -> bool:
        """Whether the relaxed copy is better than all others, beyond the intervals."""
        bars = (self.change, self.beyond, self.over_soft)
        return all(bar.high < 0 for bar in bars if bar is not None)


@dataclass(frozen=True)
class Relaxed:
    """What relaxing came to.

    Attributes:
        tried: Whether anything was trained.
        kept: Whether the relaxed copy is the model to use from now on.
        why: What it came to, or why it was not tried, in a sentence.
        group: The group that it was relaxed over.
        elements: How many copies of the model an answer takes.
        training: How it was trained; None where it was not, or diverged.
        gains: What that gained; None likewise.
    """

    tried: bool
    kept: bool
    why: str
    group: str = ""
    elements: int = 1
    training: Training | None = None
    gains: Gains | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        training, gains = self.training, self.gains
        told: dict[str, Any] = {n: v for n, v in self.__dict__.items() if n not in ("training", "gains")}
        if training is not None:
            told |= training.__dict__ | {"budget": dict(training.budget.__dict__)}
        if gains is not None:
            told |= {n: None if v is None else v.to_dict() for n, v in gains.__dict__.items()}
        return told


class _UntriedError(HaarError):
    """Why nothing was trained."""


@dataclass(frozen=True)
class _Trained:
    relaxed: SoftAverage
    elements: int
    plain: nn.Module
    steps: int
    gamma: float


def relaxed(
    repair: Repair,
    model: Callable[..., Any],
    audit: Audit,
    halves: tuple[Samples, Samples],
    budget: Budget,
    *,
    scale: Tensor | None,
    significance: float,
    seed: int,
    watch: Watch = Unwatched(),
) -> tuple[Relaxed, Repair]:
    """Fine-tune a relaxed copy and a plain one, and keep the relaxed one if it is better than all others.

    The copy is Q f + gamma (f - Q f) with the average Q f over the group, gamma = 1 at the start, so that it begins as
    the user's own model; f is fine-tuned, and gamma moved by `haar.relax.Duals`, which let it keep as much asymmetry as
    pays for a small price. The loss is in units of the model's own error, so that price and error are comparable.

    Args:
        repair: What was carried out, or taken back, before.
        model: The user's model; it is copied, not changed.
        audit: The audit of it.
        halves: The samples that choose, on which is trained, and those held out.
        budget: How long.
        scale: What errors are divided by, broadcast against one output.
        significance: One minus the coverage of intervals.
        seed: Of batches and of elements that are drawn.
        watch: Told of the steps.

    Returns:
        What it came to, and the repair to hold from now on.
    """
    seen, held_out = halves
    try:
        symmetry = _asked(audit, repair)
        _check_data(seen, held_out)
        trained = _trained(model, symmetry, seen, budget, scale=scale, seed=seed, watch=watch)
    except DivergedError as error:
        why = f"Relaxing over {repair.symmetry.group.name} was tried and taken back, since training diverged: {error}."
        return Relaxed(tried=True, kept=False, why=why), repair
    except HaarError as error:
        return Relaxed(tried=False, kept=False, why=f"Relaxing was not tried: {error}"), repair
    errors = [
        squared_errors(predictions(one, held_out.inputs), held_out, scale)
        for one in (model, trained.plain, trained.relaxed, repair.model)
    ]
    before, plain, ours, softly = errors

    def beside(one: Tensor, other: Tensor) -> Estimate:
        return ratio(one - other, other, level=1 - significance)

    soft = repair.action == "average softly"
    gains = Gains(
        beside(ours, before), beside(plain, before), beside(ours, plain), beside(ours, softly) if soft else None
    )
    training = Training(replace(budget, steps=trained.steps), budget.steps, len(seen.inputs), trained.gamma)
    told = Relaxed(
        tried=True,
        kept=gains.clear,
        why="",
        group=symmetry.group.name,
        elements=trained.elements,
        training=training,
        gains=gains,
    )
    told = replace(told, why=_words(told, training, gains, held_out))
    if not told.kept:
        return told, repair
    kept = Repair("relax", told.group, told.elements, False, audit.recommendation.sentence, trained.relaxed, symmetry)
    return told, kept


def _asked(audit: Audit, repair: Repair) -> Symmetry:
    """The symmetry to relax over: what a soft average is over, else all that was audited.

    Raises:
        _UntriedError: Where relaxing is not what the evidence asks for.
    """
    verdict = audit.recommendation.verdict
    if verdict == "nothing to gain":
        message = "it is not called for."
        raise _UntriedError(message)
    if repair.action == "average":
        message = f"it is not called for, since the average over {repair.group} is what the evidence recommends."
        raise _UntriedError(message)
    check_compact("symmetry", repair.symmetry.group)
    return repair.symmetry


def _check_data(seen: Samples, held_out: Samples) -> None:
    if seen.labels is None:
        message = "there are no labels to train on; give (inputs, labels)."
        raise _UntriedError(message)
    fewest = min(seen.independent, held_out.independent)
    if fewest < FEWEST:
        message = f"a half of the data has {fewest} independent samples, and at least {FEWEST} tell a gain from chance."
        raise _UntriedError(message)


def _trained(
    model: Callable[..., Any],
    symmetry: Symmetry,
    seen: Samples,
    budget: Budget,
    *,
    scale: Tensor | None,
    seed: int,
    watch: Watch,
) -> _Trained:
    """The relaxed copy and the plain one, trained on the same batches.

    Raises:
        HaarError: If it cannot be wrapped or trained, or the time is too short.
    """
    whole = _module(model)
    data = (seen.inputs, seen.labels)
    try:
        with undisturbed(whole), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torch's own, in copies of exported programs
            homotopy = homotopise(
                whole, symmetry, mode="function", example=seen.inputs[:2], samples=_DRAWN, generator=seed
            )
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
            plain = _fine_tuned(whole, data, loss, steps, budget, seed=seed, watch=watch)
    except HaarError:
        raise
    except Exception as error:
        message = f"the model cannot be trained ({brief(error)}); {_BY_HAND}"
        raise _UntriedError(message) from error
    (layer,) = homotopy.layers.values()
    gamma = float(layer.gamma.detach())
    if not isinstance(layer, FunctionHomotopy) or not math.isfinite(gamma):
        message = f"training ended at gamma = {gamma}; give relax=haar.check.Budget(learning_rate=...), a lower one."
        raise _UntriedError(message)
    averaged = Averaged(layer.module.eval(), symmetry, Given(layer.elements), micro_batch=1)
    soft = SoftAverage(averaged, torch.tensor([gamma])).eval()
    return _Trained(soft, len(layer.elements), plain, steps, gamma)


def _module(model: Callable[..., Any]) -> nn.Module:
    """The model as one that can be trained.

    Raises:
        _UntriedError: If it is none.
    """
    if not isinstance(model, nn.Module):
        message = f"a {type(model).__name__} has no weights to train, as a torch.nn.Module has."
        raise _UntriedError(message)
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        message = "the model has no weights that are trained; set requires_grad_() on some."
        raise _UntriedError(message)
    if any(torch.finfo(p.dtype).bits < 32 for p in trained if p.is_floating_point()):
        message = "the model's weights are in half precision, in which small steps are lost; give model.float()."
        raise _UntriedError(message)
    return model


def _loss(homotopy: Homotopy, seen: Samples, scale: Tensor | None) -> Loss:
    """The mean squared error over that of the model, and what its asymmetric part is worth where that is larger.

    So the price of a gamma is comparable to what it pays, and the loss is nowhere steep in gamma, of any data.

    Raises:
        _UntriedError: If there is nothing to learn.
    """
    y = predictions(homotopy, seen.inputs)
    with homotopy.at(0.0):
        averaged = predictions(homotopy, seen.inputs)
    own = squared_errors(y, seen, scale)
    part = squared_errors(y, replace(seen, labels=averaged), scale)
    size = max(float(own.sum()), float(part.sum())) / y.numel()
    if not float(own.sum()) > 0:
        message = "the model makes no error on the samples to train on."
        raise _UntriedError(message)

    def loss(predicted: Tensor, target: Tensor) -> Tensor:
        wrong = predicted - target.to(predicted).reshape(predicted.shape)
        return (wrong if scale is None else wrong / scale.to(wrong)).square().mean() / size

    return loss


def _steps_that_fit(homotopy: Homotopy, data: tuple[Any, Any], loss: Loss, budget: Budget) -> int:
    """How many of the steps asked for are taken.

    Raises:
        _UntriedError: If hardly any fit into the time.
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
        raise _UntriedError(message)
    return steps


def _fine_tuned(
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


def _words(told: Relaxed, training: Training, gains: Gains, held_out: Samples) -> str:
    """What relaxing came to, in a sentence."""
    budget = training.budget
    fewer = (
        "" if budget.steps == training.asked else f" of the {training.asked} asked for, as {budget.seconds:g} s allow"
    )
    figures = (
        f"on {len(held_out.inputs)} held-out samples ({held_out.independent} independent) the error changes by "
        f"{gains.change:+.1%}; equally long plain fine-tuning changes it by {gains.plain:+.1%}, and beside that "
        f"relaxing is {gains.beyond:+.1%}"
    )
    if gains.over_soft is not None:
        figures += f", beside the soft average {gains.over_soft:+.1%}"
    done = f"over {told.group} ({told.elements} copies, {budget.steps} steps{fewer}, gamma = {training.gamma:.2f})"
    if told.kept:
        return f"Relaxed {done}: {figures}."
    return f"Relaxing {done} was tried and taken back, since it is not clearly better than all of these: {figures}."
