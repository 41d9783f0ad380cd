"""How far a pair is from a saddle point: what each player wins by answering the other alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from haar.errors import ArgumentError, check_count
from haar.saddle.gradients import player_gradients, read, scalar
from haar.saddle.player import Player


@dataclass(frozen=True)
class Gap:
    """What is left to win.

    Attributes:
        objective: Where both stand.
        best_dual: The most that the dual reached alone.
        best_primal: The least that the primal reached alone.
    """

    objective: float
    best_dual: float
    best_primal: float

    @property
    def value(self) -> float:
        """Both gains together, never negative; 0 at a saddle point."""
        return self.best_dual - self.best_primal

    def __str__(self) -> str:
        """In a line."""
        dual, primal = self.best_dual - self.objective, self.objective - self.best_primal
        return f"best-response gap {self.value:.4g}: the dual can win {dual:.4g}, the primal {primal:.4g}"


def best_response_gap(
    players: Sequence[Player], objective: Callable[[Any, Any, Any], Tensor], batches: Sequence[Any], *, steps: int
) -> Gap:
    """Each player answers the other for some steps, on copies; the best that was reached counts.

    Args:
        players: The primal and the dual.
        objective: Of both and a batch.
        batches: The mean over all of them is what is played for.
        steps: Of each player, with an optimiser as its own but without a past.

    Raises:
        ArgumentError: If there is no batch, or the number of steps is below 1.
    """
    check_count("steps", steps)
    if not batches:
        raise ArgumentError("batches", expected="at least one", got="none")
    with torch.random.fork_rng(devices=[]):  # a look at the game, after which it is played as without it
        best = [_answer(players, objective, batches, steps, mover) for mover in (0, 1)]
    return Gap(best[0][0], best[1][1], best[0][1])


def _answer(
    players: Sequence[Player],
    objective: Callable[[Any, Any, Any], Tensor],
    batches: Sequence[Any],
    steps: int,
    mover: int,
) -> tuple[float, float]:
    """The objective where both stand, and the best that one player reaches."""
    pair = list(copy.deepcopy(tuple(players)))  # with their optimisers, whose parameters are the copies'
    player = pair[mover]
    player.optimizer.state.clear()
    better = min if player.name == "primal" else max
    values: list[float] = []
    with torch.enable_grad():
        for step in range(steps + 1):
            means = [scalar(objective(pair[0].module, pair[1].module, batch)) for batch in batches]
            value = torch.stack(means).mean()
            values.append(value.item())
            if step < steps:
                gradients = player_gradients(value, [player])
                player.give(gradients[0], read(value.detach(), gradients)[1][0])
                player.step()
    return values[0], better(values)
