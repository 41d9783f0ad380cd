"""Learning a collision from pairs."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.systems.lattice_boltzmann.pairs import Pairs
from haar.training import Checkpoint, Epochs, Plan, Run
from haar.watch import Unwatched, Watch

#: Added to what relative errors are divided by (NN-LBM).
_FLOOR = 1e-8


@dataclass(frozen=True)
class Lesson:
    """How a collision is learned.

    Attributes:
        epochs: How often every sample is seen.
        batch_size: Samples a step.
        learning_rate: The greatest of a cycle of rises and falls.
    """

    epochs: int = 20
    batch_size: int = 256
    learning_rate: float = 1e-3


def relative_error(predicted: Float[Tensor, "*samples q"], wanted: Float[Tensor, "*samples q"]) -> Float[Tensor, ""]:
    """The mean over samples of the root mean square of relative errors of populations (RMSRE of NN-LBM)."""
    return ((wanted - predicted) / (wanted + _FLOOR)).square().mean(-1).sqrt().mean()


def one_cycle(step: int, steps: int) -> float:
    """A factor that rises from a 25th over the first 30 % of the steps and falls to nearly 0 along cosines.

    Source: Smith and Topin 2019, with torch's defaults.
    """
    top = 0.3 * steps
    if step < top:
        return 1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * step / top)) / 2
    return 4e-7 + (1 - 4e-7) * (1 + math.cos(math.pi * (step - top) / max(steps - top, 1))) / 2


def fit(
    model: nn.Module,
    pairs: Pairs,
    lesson: Lesson = Lesson(),
    *,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    watch: Watch = Unwatched(),
) -> Float[Tensor, " steps"]:
    """Train a collision on pairs, whose density is divided out.

    Args:
        model: A collision on the last axis; it is changed.
        pairs: To learn from.
        lesson: How.
        seed: Of the order of the samples.
        checkpoint: A file from which a run that was killed goes on.
        watch: Told of every step.

    Returns:
        The loss before every step.
    """
    if not isinstance(pairs, Pairs):
        way_out = "Pairs(before, after, equilibrium), draw_pairs or read_pairs makes them"
        raise ArgumentError("pairs", expected="Pairs", got=type(pairs).__name__, way_out=way_out)
    before, after = pairs.normalised
    order = Epochs(len(before), lesson.batch_size, seed=seed)
    plan = Plan(
        steps=lesson.epochs * order.batches,
        learning_rate=lesson.learning_rate,
        batch_size=order.batch_size,
        schedule=one_cycle,
    )

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del generator
        rows = order.rows(step)
        return relative_error(model(before[rows]), after[rows])

    states: dict[str, Any] = {"model": model}
    run = Run(model.parameters(), loss, plan, seed=seed, checkpoint=Checkpoint(checkpoint, states, seconds=30))
    return run.train(watch, "learning a collision")


def validated(model: nn.Module, pairs: Pairs) -> float:
    """The relative error on other pairs.

    Args:
        model: A collision on the last axis.
        pairs: That were not learned from.
    """
    before, after = pairs.normalised
    with torch.no_grad():
        return float(relative_error(model(before), after))
