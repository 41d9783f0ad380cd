"""One way to train every network of these experiments: Adam, with the learning rate chosen on validation data."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from haar.training import Plan, Run

#: What is said of a network: one of these.
REPORTED = ("auc", "accuracy", "mse")


@dataclass(frozen=True)
class Training:
    """How a run went.

    Attributes:
        loss: Mean of the last five losses; infinite if one was not finite.
        dead: Whether it broke off at a loss that was not finite.
        seconds: Of processor time.
        best: What `observe` said at its best, with the step.
    """

    loss: float
    dead: bool
    seconds: float
    best: dict[str, Any] = field(default_factory=dict)


def descend(
    model: nn.Module,
    loss: Callable[[int, torch.Generator], Tensor],
    plan: Plan,
    *,
    seed: int = 0,
    observe: Callable[[], Mapping[str, Any]] | None = None,
) -> Training:
    """Train a network in place.

    Args:
        model: The network to be trained.
        loss: Of a step's number and its generator.
        plan: How; its ``every`` is for `observe`.
        seed: Seed of every draw.
        observe: Measures with the key ``"validation"``, larger is better; those of the best step are kept.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> plan = Plan(steps=200, learning_rate=0.1)
        >>> run = descend(model, lambda *_: (model(torch.ones(1, 1)) - 3).square().mean(), plan)
        >>> run.dead, run.loss < 0.1
        (False, True)
    """
    best: dict[str, Any] = {}
    start = time.process_time()
    run = Run(model.parameters(), loss, plan, seed=seed, not_finite="stop")
    for step in run:
        if observe is not None and plan.due(step):
            with torch.no_grad():
                seen = dict(observe())
            if not best or seen["validation"] > best["validation"]:
                best = {**seen, "step": step}
    last = math.inf if run.dead else run.losses[-5:].mean().item()
    return Training(last, dead=run.dead, seconds=time.process_time() - start, best=best)


def best_rate(
    rates: Sequence[float], train: Callable[[float], tuple[Training, Mapping[str, Any]]], *, chance: float | int
) -> dict[str, Any]:
    """Train with every learning rate and keep what did best on validation data.

    Args:
        rates: Learning rates to try.
        train: From a rate to how training went and measures with the key ``"validation"``, larger is better.
        chance: The validation measure of who has learned nothing; a run that is no better is dead.

    Returns:
        The measures, with ``rate``, ``dead`` and ``seconds`` of the kept run, ``dead_runs`` of ``runs``, and in
        ``tried`` what was reported at every rate, where there are several.
    """
    chosen: dict[str, Any] = {}
    tried: dict[str, Any] = {}
    dead_runs = 0
    for rate in rates:
        run, measures = train(rate)
        value = _number(measures["validation"])
        dead = run.dead or value <= chance
        dead_runs += dead
        tried[f"{rate:g}"] = {name: measures[name] for name in REPORTED if name in measures}
        if not chosen or value > _number(chosen["validation"]):
            chosen = {**measures, "rate": rate, "dead": dead, "seconds": run.seconds}
    return {**chosen, "dead_runs": dead_runs, "runs": len(rates), **({"tried": tried} if len(rates) > 1 else {})}


def _number(value: Any) -> float:
    return -math.inf if value is None or math.isnan(value) else float(value)


def parameters(model: nn.Module) -> int:
    """Number of trainable numbers."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
