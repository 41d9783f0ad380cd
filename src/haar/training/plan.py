"""How to train: the number of steps, the optimiser, and how its rate falls."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from haar.errors import ArgumentError, check_count, check_rate

Schedule = Callable[[int, int], float]
"""From a step and the number of steps to a factor of the learning rate."""


def cosine(step: int, steps: int, end: float | int = 0.0) -> float:
    """A factor that falls from 1 along half a period of a cosine, and would reach `end` after the last step.

    Example:
        >>> cosine(0, 10), round(cosine(5, 10, end=0.5), 12)
        (1.0, 0.75)
    """
    return end + 0.5 * (1 - end) * (1 + math.cos(math.pi * step / steps))


def _staircase(step: int, steps: int) -> float:
    return 0.1 ** ((step >= 0.8 * steps) + (step >= 0.9 * steps))


SCHEDULES: Mapping[str, Schedule | None] = {"constant": None, "cosine": cosine, "steps": _staircase}
OPTIMIZERS: Mapping[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}


@dataclass(frozen=True)
class Plan:
    """How to train.

    Args:
        steps: Number of steps of the optimiser.
        learning_rate: Learning rate of the first steps.
        batch_size: Samples a step; None for all.
        schedule: How the rate falls: ``"constant"``, ``"cosine"`` (to 0), ``"steps"`` (to a tenth after 80 % of the
            steps, and again after 90 %), or a function of (step, steps) that gives a factor of it.
        optimizer: ``"adam"``, ``"adamw"``, ``"sgd"``, or a function that makes an optimiser of parameters, with rates
            of its own.
        weight_decay: Of the optimiser.
        clip: Largest norm of the gradient; None for any.
        every: Steps between two looks at the run, and between checkpoints.

    Raises:
        ArgumentError: If a number is out of range or a word unknown.

    Example:
        >>> Plan(steps=10, schedule="cosine").factor(5)
        0.5
    """

    steps: int = 1000
    learning_rate: float | int = 1e-3
    batch_size: int | None = None
    schedule: str | Schedule = "constant"
    optimizer: str | Callable[[list[Any]], torch.optim.Optimizer] = "adam"
    weight_decay: float | int = 0.0
    clip: float | int | None = None
    every: int = 100

    def __post_init__(self) -> None:
        check_count("steps", self.steps)
        check_count("every", self.every)
        if self.batch_size is not None:
            check_count("batch_size", self.batch_size)
        check_rate("learning_rate", self.learning_rate)
        check_rate("weight_decay", self.weight_decay, zero=True)
        check_rate("clip", self.clip)
        for name, known in (("schedule", SCHEDULES), ("optimizer", OPTIMIZERS)):
            value = getattr(self, name)
            if not callable(value) and value not in known:
                words = " or ".join(map(repr, known)) if len(known) == 2 else f"one of {', '.join(known)}"
                raise ArgumentError(name, expected=words, got=repr(value))

    def factor(self, step: int) -> float:
        """The factor of the learning rate at a step."""
        schedule = SCHEDULES[self.schedule] if isinstance(self.schedule, str) else self.schedule
        return 1.0 if schedule is None else float(schedule(step, self.steps))

    def due(self, step: int) -> bool:
        """Whether it is time for a look after a step: once in `every` steps, and after the last."""
        return (step + 1) % self.every == 0 or step + 1 == self.steps

    def optimizer_of(self, parameters: Iterable[Any]) -> torch.optim.Optimizer:
        """The optimiser of some parameters, or of groups of them."""
        held = list(parameters)
        if not isinstance(self.optimizer, str):
            return self.optimizer(held)
        made: Any = OPTIMIZERS[self.optimizer]
        optimizer: torch.optim.Optimizer = made(
            held, lr=float(self.learning_rate), weight_decay=float(self.weight_decay)
        )
        return optimizer

    def facts(self) -> dict[str, Any]:
        """What two runs of one plan have in common, as plain values."""
        falling = self.schedule if isinstance(self.schedule, str) else [self.factor(k) for k in (0, self.steps // 2)]
        return {
            "steps": self.steps,
            "batch_size": self.batch_size,
            "schedule": falling,
            "clip": None if self.clip is None else float(self.clip),
        }


def seed_of(seed: int, step: int) -> int:
    """The seed of a step: two seeds share none in runs of less than a million steps.

    Example:
        >>> seed_of(2, 5)
        2000011
    """
    return (seed * 1_000_003 + step) % 2**63


class Epochs:
    """Batches without replacement: every epoch visits the samples in an order of its own, whole batches only.

    Args:
        samples: Number of there are.
        batch_size: Samples a step, at most all of them.
        seed: Seed of the orders.

    Example:
        >>> epochs = Epochs(6, 3, seed=0)
        >>> sorted(torch.cat([epochs.rows(0), epochs.rows(1)]).tolist())
        [0, 1, 2, 3, 4, 5]
    """

    def __init__(self, samples: int, batch_size: int, *, seed: int) -> None:
        check_count("samples", samples)
        check_count("batch_size", batch_size)
        self.samples, self.batch_size, self.seed = samples, min(batch_size, samples), seed
        self._shuffled, self._order = (0, 0, -1), torch.arange(0)

    @property
    def batches(self) -> int:
        """How many batches an epoch has."""
        return self.samples // self.batch_size

    def rows(self, step: int) -> Int[Tensor, " batch"]:
        """The samples of a step, a function of (seed, step)."""
        epoch, place = divmod(step, self.batches)
        if self._shuffled != (self.samples, self.seed, epoch):
            source = torch.Generator().manual_seed(seed_of(self.seed, -1 - epoch))  # no step has this seed
            self._shuffled = self.samples, self.seed, epoch
            self._order = torch.randperm(self.samples, generator=source, device="cpu")
        return self._order[place * self.batch_size : (place + 1) * self.batch_size]


def draw(samples: int, batch_size: int, generator: torch.Generator) -> Int[Tensor, " batch"]:
    """Rows of a batch, drawn with replacement.

    Example:
        >>> draw(3, 5, torch.Generator().manual_seed(0)).shape
        torch.Size([5])
    """
    return torch.randint(samples, (batch_size,), generator=generator, device=generator.device)
