"""Learned matching: the rotation of the residual stream for which the way between two networks is flat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from haar.align.latents import HeadsTurn, RotationTurn, Turn, UnitsTurn
from haar.align.states import mixed
from haar.errors import ArgumentError, check_count, check_rate
from haar.training import Plan, Run
from haar.watch import Unwatched, Watch
from haar.weights import Gauge, Heads, ParameterAction, Rotation, Units
from haar.weights.models import State
from haar.weights.sites import Site

Objective = Callable[[State, int, torch.Generator], Tensor]
"""Of parameters, the number of the step and its generator; a tensor of one number."""
#: The middle of the path, from which the share of B is drawn at every step.
_SHARES = (0.4, 0.6)
SIDES = ("one", "both")


@dataclass(frozen=True)
class Learning:
    """How a matching is learned.

    Args:
        steps: Number of steps.
        learning_rate: Of the rotation's generator.
        permutations: Learning rate of the orders of units; 0 leaves them as weight matching found them.
        heads: Learning rate of the orders of attention heads; 0 leaves them as weight matching found them.
        seed: Seed of all draws.

    Raises:
        ArgumentError: If a number is out of range.
    """

    steps: int = 150
    learning_rate: float | int = 5e-3
    permutations: float | int = 0.0
    heads: float | int = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_count("steps", self.steps, least=0)
        check_rate("learning_rate", self.learning_rate)
        check_rate("permutations", self.permutations, zero=True)
        check_rate("heads", self.heads, zero=True)


class _Side:
    """One of the two networks, as it is moved while matching is learned.

    Args:
        action: The table.
        state: Its parameters.
        how: Steps and rates.
        moves: Whether it is moved at all.
    """

    def __init__(self, action: ParameterAction, state: State, how: Learning, *, moves: bool) -> None:
        self._action, self._state = action, state
        self._start = {name: site.identity() for name, site in action.sites.items()}
        found = {name: _turn(site, how) for name, site in action.sites.items()} if moves else {}
        self.turns = {name: turn for name, turn in found.items() if turn is not None}
        self._rows = {row for name in self.turns for row in action.touching(name)}

    def moved(self) -> State:
        """Its parameters, moved; differentiable."""
        if not self.turns:
            return self._state
        gauge = Gauge({**self._start, **{name: turn() for name, turn in self.turns.items()}})
        moved = dict(self._state)
        for row in self._rows:
            moved.update(self._action.moved(gauge, row, self._state))
        return moved

    def gauge(self) -> Gauge:
        """The element, with nothing soft."""
        return Gauge({**self._start, **{name: turn.exact() for name, turn in self.turns.items()}})

    def groups(self, how: Learning) -> list[dict[str, object]]:
        """What an optimiser is given."""
        return [{"params": list(turn.parameters()), "lr": float(_rate(turn, how))} for turn in self.turns.values()]


def learn(
    action: ParameterAction,
    a: State,
    b: State,
    objective: Objective,
    how: Learning,
    *,
    sides: str = "one",
    watch: Watch = Unwatched(),
) -> tuple[Gauge, Gauge]:
    """Changes of A and B within their orbits for which the loss between them is least.

    At every step a share of B is drawn from (0.4, 0.6), and the loss of the mixture goes down along what moves B. Only
    the relative element matters, so A may stay; where both move, each has half of the way to go.

    Args:
        action: The table.
        a: Parameters that stay, or are moved as well.
        b: Parameters that were matched by weights and are moved further.
        objective: The training loss of parameters at a step.
        how: Steps and rates.
        sides: ``"one"`` moves B, ``"both"`` A as well.
        watch: Told of every step.

    Returns:
        The elements of A and of B that are to come after what weight matching found; identities after 0 steps.

    Raises:
        ArgumentError: If there is nothing to learn.
    """
    first = _Side(action, a, how, moves=sides == "both")
    second = _Side(action, b, how, moves=True)
    if not second.turns:
        raise ArgumentError(
            "how", expected="a rotation, or orders with a rate above 0, to be learned", got="neither of them"
        )

    def loss(step: int, generator: torch.Generator) -> Tensor:
        share = _SHARES[0] + (_SHARES[1] - _SHARES[0]) * float(torch.rand((), generator=generator))
        return objective(mixed(first.moved(), second.moved(), share), step, generator)

    if how.steps:
        plan = Plan(steps=how.steps, schedule="cosine", learning_rate=how.learning_rate)
        Run([*first.groups(how), *second.groups(how)], loss, plan, seed=how.seed).train(watch, "learning the matching")
    return first.gauge(), second.gauge()


def _turn(site: Site, how: Learning) -> Turn | None:
    """What is learned of a site; None where nothing is."""
    if isinstance(site, Rotation):
        return RotationTurn(site)
    if isinstance(site, Units) and how.permutations > 0 and site.groups == 1:
        return UnitsTurn(site)
    if isinstance(site, Heads) and how.heads > 0:
        return HeadsTurn(site)
    return None


def _rate(turn: Turn, how: Learning) -> float | int:
    rates: Mapping[type[Turn], float | int] = {
        RotationTurn: how.learning_rate,
        UnitsTurn: how.permutations,
        HeadsTurn: how.heads,
    }
    return rates[type(turn)]
