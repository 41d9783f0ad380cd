"""Learned matching: the rotation of the residual stream for which the way between two networks is flat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from haar.align.assignment import assigned
from haar.align.states import mixed
from haar.errors import ArgumentError, check_count, check_rate
from haar.training import Plan, Run
from haar.watch import Unwatched, Watch
from haar.weights import BlockMonomial, Gauge, ParameterAction, Rotation, Units
from haar.weights.models import State

Objective = Callable[[State, int, torch.Generator], Tensor]
"""Of parameters, the number of the step and its generator; a tensor of one number."""
#: Latent matrix of a permutation at the start, times the identity: small against rate times steps, or nothing moves.
_LATENT = 0.02
#: The middle of the path, from which the share of B is drawn at every step.
_SHARES = (0.4, 0.6)


@dataclass(frozen=True)
class Learning:
    """How a matching is learned.

    Args:
        steps: Number of steps.
        learning_rate: Of the rotation's generator.
        permutations: Learning rate of the orders of units; 0 leaves them as weight matching found them.
        seed: Seed of all draws.

    Raises:
        ArgumentError: If a number is out of range.
    """

    steps: int = 150
    learning_rate: float | int = 5e-3
    permutations: float | int = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_count("steps", self.steps, least=0)
        check_rate("learning_rate", self.learning_rate)
        check_rate("permutations", self.permutations, zero=True)


class _Turn(nn.Module):
    """What is learned of one site, as a change of what weight matching found.

    A rotation is expm(Z - Z^T), whose derivative at Z = 0 is finite, as that of a projection by singular values is not.
    An order is the assignment of Z, with the gradient handed straight through to Z.
    """

    def __init__(self, site: Rotation | Units) -> None:
        super().__init__()
        self.site = site
        size = site.count - (isinstance(site, Rotation) and site.fixes_ones)
        start = torch.zeros(size, size) if isinstance(site, Rotation) else _LATENT * torch.eye(size)
        self.latent = nn.Parameter(start.double())

    def forward(self) -> dict[str, BlockMonomial]:
        if isinstance(self.site, Rotation):
            turn = self.site.inside(torch.linalg.matrix_exp(self.latent - self.latent.mT))
            return dict(self.site.element(turn))
        order = assigned(self.latent)
        hard = nn.functional.one_hot(order, self.site.count).to(self.latent)
        map_ = BlockMonomial(torch.zeros(1, dtype=torch.long), (hard + self.latent - self.latent.detach())[None])
        return {"": map_, "order": map_}

    def exact(self) -> Mapping[str, BlockMonomial]:
        """The element without anything soft."""
        with torch.no_grad():
            if isinstance(self.site, Rotation):
                return self.forward()
            return self.site.element(assigned(self.latent))


def learn(
    action: ParameterAction,
    a: State,
    b: State,
    objective: Objective,
    how: Learning,
    *,
    watch: Watch = Unwatched(),
) -> Gauge:
    """A change of B within its orbit for which the loss between A and B is least.

    At every step a share of B is drawn from (0.4, 0.6), and the loss of the mixture goes down along what moves B. Only
    the relative element matters, so A stays.

    Args:
        action: The table.
        a: Parameters that stay.
        b: Parameters that were matched by weights and are moved further.
        objective: The training loss of parameters at a step.
        how: Steps and rates.
        watch: Told of every step.

    Returns:
        The element that is to come after what weight matching found; the identity after 0 steps.

    Raises:
        ArgumentError: If there is nothing to learn.
    """
    turns = {
        name: _Turn(site)
        for name, site in action.sites.items()
        if isinstance(site, Rotation) or (isinstance(site, Units) and how.permutations > 0)
    }
    if not turns:
        raise ArgumentError(
            "how", expected="a rotation, or orders with a rate above 0, to be learned", got="neither of them"
        )
    start = {name: site.identity() for name, site in action.sites.items()}
    rows = {row for name in turns for row in action.touching(name)}

    def loss(step: int, generator: torch.Generator) -> Tensor:
        share = _SHARES[0] + (_SHARES[1] - _SHARES[0]) * float(torch.rand((), generator=generator))
        gauge = Gauge({**start, **{name: turn() for name, turn in turns.items()}})
        moved = dict(b)
        for row in rows:
            moved.update(action.moved(gauge, row, b))
        return objective(mixed(a, moved, share), step, generator)

    if how.steps:
        groups = [{"params": [turn.latent], "lr": float(_rate(turn.site, how))} for turn in turns.values()]
        plan = Plan(steps=how.steps, schedule="cosine", learning_rate=how.learning_rate)
        Run(groups, loss, plan, seed=how.seed).train(watch, "learning the matching")
    return Gauge({**start, **{name: turn.exact() for name, turn in turns.items()}})


def _rate(site: Rotation | Units, how: Learning) -> float | int:
    return how.learning_rate if isinstance(site, Rotation) else how.permutations
