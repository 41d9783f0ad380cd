"""A Bellman equation as a conditional moment: what a policy is worth, from transitions of another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.seeding import Seed, generator_of
from haar.systems.structural_equations.linear import linear_saddle


@dataclass(frozen=True)
class Transitions:
    """Steps of a process; s', a' are drawn as the policy that is evaluated would.

    Attributes:
        state: s, numbers of states.
        action: a, numbers of actions.
        reward: r.
        next_state: s'.
        next_action: a' ~ policy(s').
        weight: Probability of each, where rows are not samples; None for samples.
    """

    state: Int[Tensor, " rows"]
    action: Int[Tensor, " rows"]
    reward: Float[Tensor, " rows"]
    next_state: Int[Tensor, " rows"]
    next_action: Int[Tensor, " rows"]
    weight: Float[Tensor, " rows"] | None = None

    def rows(self, which: Int[Tensor, " some"]) -> Transitions:
        """Some of them."""
        weight = None if self.weight is None else self.weight[which]
        state, action, reward = self.state[which], self.action[which], self.reward[which]
        return Transitions(state, action, reward, self.next_state[which], self.next_action[which], weight)

    def __len__(self) -> int:
        return len(self.state)


def bellman_residual(discount: float | int) -> Callable[[Any, Any, Any], Tensor]:
    """E[(q(s, a) - r - discount q(s', a')) u(s, a) - u(s, a)^2 / 2], for players of (state, action).

    One transition gives unbiased gradients: the usual squared residual would need two independent next states.

    Args:
        discount: Of the next reward, at least 0 and below 1.

    Raises:
        ArgumentError: If it is not.

    Source: arXiv 2007.01290, section 2; Dai et al., arXiv 1712.10285.
    """
    if not 0 <= discount < 1:
        raise ArgumentError("discount", expected="at least 0 and below 1", got=discount)

    def objective(primal: Any, dual: Any, batch: Transitions) -> Tensor:
        later = primal(batch.next_state, batch.next_action)
        residual = primal(batch.state, batch.action) - batch.reward - discount * later
        played = dual(batch.state, batch.action)
        each = residual * played - played.square() / 2
        value: Tensor = each.mean() if batch.weight is None else (batch.weight * each).sum()
        return value

    return objective


class QTable(nn.Module):
    """A number for every state and action.

    Args:
        states: How many states.
        actions: How many actions.
        dtype: Of the numbers.
    """

    def __init__(self, states: int, actions: int, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.zeros(states, actions, dtype=dtype))

    def forward(self, state: Int[Tensor, " rows"], action: Int[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """The numbers of some rows."""
        return self.values[state, action]


@dataclass(frozen=True)
class Chain:
    """States in a row, walked to the left and to the right; the last one pays.

    Attributes:
        states: How many there are.
        slip: How often a step goes the other way.
        right: How often the policy that is evaluated goes right.
        discount: Of the next reward.

    Source: the chain of Lagoudakis and Parr, Least-squares policy iteration, 2003.
    """

    states: int = 5
    slip: float = 0.1
    right: float = 0.8
    discount: float = 0.9

    def _kernel(self) -> Float[Tensor, "states actions states"]:
        """P(s' | s, a) for a = left, right."""
        kernel = torch.zeros(self.states, 2, self.states, dtype=torch.float64)
        for state in range(self.states):
            left, right = max(state - 1, 0), min(state + 1, self.states - 1)
            for action, (to, other) in enumerate(((left, right), (right, left))):
                kernel[state, action, to] += 1 - self.slip
                kernel[state, action, other] += self.slip
        return kernel

    def value(self) -> Float[Tensor, "states actions"]:
        """The true Q of the policy, by one linear system."""
        policy = torch.tensor([1 - self.right, self.right], dtype=torch.float64)
        step = torch.einsum("sat,b->satb", self._kernel(), policy).reshape(2 * self.states, 2 * self.states)
        reward = self._reward().reshape(-1)
        eye = torch.eye(2 * self.states, dtype=torch.float64)
        found: Tensor = torch.linalg.solve(eye - self.discount * step, reward)
        return found.reshape(self.states, 2)

    def _reward(self) -> Float[Tensor, "states actions"]:
        """Mean reward: 1 for arriving at the last state."""
        return self._kernel()[:, :, -1]

    def transitions(self, rows: int, seed: Seed = 0) -> Transitions:
        """Steps from states and actions at random, not by the policy that is evaluated.

        Args:
            rows: How many.
            seed: A seed or a generator.
        """
        generator = generator_of(seed)
        state = torch.randint(self.states, (rows,), generator=generator)
        action = torch.randint(2, (rows,), generator=generator)
        later = torch.multinomial(self._kernel()[state, action], 1, generator=generator)[:, 0]
        next_action = (torch.rand(rows, generator=generator) < self.right).long()
        return Transitions(state, action, (later == self.states - 1).double(), later, next_action)

    def whole(self) -> Transitions:
        """Every transition there is, with its probability: expectations without any noise."""
        kernel = self._kernel()
        policy = torch.tensor([1 - self.right, self.right], dtype=torch.float64)
        grid = torch.cartesian_prod(*(torch.arange(n) for n in (self.states, 2, self.states, 2)))
        state, action, later, next_action = grid.unbind(1)
        weight = kernel[state, action, later] * policy[next_action] / (2 * self.states)
        reward = (later == self.states - 1).double()
        return Transitions(state, action, reward, later, next_action, weight)


def closed_form(seen: Transitions, discount: float | int, states: int, actions: int) -> Float[Tensor, "states actions"]:
    """Where the game of two tables ends: least-squares temporal differences.

    Args:
        seen: Transitions in which every state and action is.
        discount: Of the next reward.
        states: How many states.
        actions: How many actions.
    """
    rows = torch.arange(len(seen))
    now, later = (torch.zeros(len(seen), states * actions, dtype=torch.float64) for _ in range(2))
    now[rows, seen.state * actions + seen.action] = 1
    later[rows, seen.next_state * actions + seen.next_action] = 1
    root = torch.ones(len(seen)) if seen.weight is None else seen.weight.sqrt()
    features, instruments = ((root[:, None] * table).numpy() for table in (now - float(discount) * later, now))
    found = linear_saddle(features, instruments, (root * seen.reward).numpy()).primal
    return torch.from_numpy(found).reshape(states, actions)
