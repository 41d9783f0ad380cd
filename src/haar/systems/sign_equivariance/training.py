"""One way to train every network of these experiments: Adam, with the learning rate chosen on validation data."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
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
    loss: Callable[[int], Tensor],
    *,
    steps: int,
    rate: float | int,
    cosine: bool = False,
    clip: float | int | None = None,
    observe: Callable[[], Mapping[str, Any]] | None = None,
    observe_every: int = 1,
) -> Training:
    """Train a network in place.

    Args:
        model: The network.
        loss: Of a step's number.
        steps: Number of steps.
        rate: Learning rate of Adam.
        cosine: Whether the rate falls to 0 along a cosine.
        clip: Largest norm of the gradient.
        observe: Measures with the key ``"validation"``, larger is better; those of the best step are kept.
        observe_every: Steps between two observations.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> run = descend(model, lambda _: (model(torch.ones(1, 1)) - 3).square().mean(), steps=200, rate=0.1)
        >>> run.dead, run.loss < 0.1
        (False, True)
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=float(rate))
    losses: list[float] = []
    best: dict[str, Any] = {}
    start = time.process_time()
    for step in range(steps):
        if cosine:
            optimiser.param_groups[0]["lr"] = 0.5 * rate * (1 + math.cos(math.pi * step / steps))
        optimiser.zero_grad(set_to_none=True)
        value = loss(step)
        losses.append(float(value.detach()))
        if not math.isfinite(losses[-1]):
            return Training(math.inf, dead=True, seconds=time.process_time() - start, best=best)
        value.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), float(clip))
        optimiser.step()
        if observe is not None and (step % observe_every == 0 or step == steps - 1):
            with torch.no_grad():
                seen = dict(observe())
            if not best or seen["validation"] > best["validation"]:
                best = {**seen, "step": step}
    last = sum(losses[-5:]) / len(losses[-5:])
    return Training(last, dead=False, seconds=time.process_time() - start, best=best)


def best_rate(
    rates: Sequence[float], train: Callable[[float], tuple[Training, Mapping[str, Any]]], *, chance: float | int
) -> dict[str, Any]:
    """Train with every learning rate and keep what did best on validation data.

    Args:
        rates: Learning rates.
        train: From a rate to how training went and measures with the key ``"validation"``, larger is better.
        chance: The validation measure of who has learned nothing; a run that is no better is dead.

    Returns:
        The measures, with ``rate``, ``dead`` and ``seconds`` of the kept run, and ``dead_runs`` of ``runs``.
    """
    chosen: dict[str, Any] = {}
    dead_runs = 0
    for rate in rates:
        run, measures = train(rate)
        value = _number(measures["validation"])
        dead = run.dead or value <= chance
        dead_runs += dead
        if not chosen or value > _number(chosen["validation"]):
            chosen = {**measures, "rate": rate, "dead": dead, "seconds": run.seconds}
    return {**chosen, "dead_runs": dead_runs, "runs": len(rates)}


def _number(value: Any) -> float:
    return -math.inf if value is None or math.isnan(value) else float(value)


def parameters(model: nn.Module) -> int:
    """Number of trainable numbers."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
