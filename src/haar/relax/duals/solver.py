"""What a primal-dual solver is: how gammas, slacks and multipliers move, given the gradient of the loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.saddle import ascend, second_sees

PROBLEMS = ("equality", "resilient")


@dataclass
class Variables:
    """The variables of the constrained problem, one entry for every gamma.

    Attributes:
        problem: ``"equality"`` (gamma = 0) or ``"resilient"`` (|gamma| <= u, at the price rho/2 u^2).
        rho: The price of slack.
        gamma: The homotopy parameters, all in one vector.
        multiplier: lambda; of either sign for equality, never negative for resilient.
        slack: u; zero and unused for equality.
    """

    problem: str
    rho: float
    gamma: Float[Tensor, " n"]
    multiplier: Float[Tensor, " n"]
    slack: Float[Tensor, " n"]

    def pull(self) -> Tensor:
        """What the constraint adds to the gradient by gamma: lambda, or lambda sign(gamma)."""
        return self.multiplier if self.problem == "equality" else self.multiplier * self.gamma.sign()

    def violation(self) -> Tensor:
        """gamma, or |gamma| - u (solvers put new tensors in place of old ones, and never write into them)."""
        return self.gamma if self.problem == "equality" else self.gamma.abs() - self.slack


@dataclass
class Solver(ABC):
    """One way to move the variables; rates left at None are tuned from the number of steps."""

    name: ClassVar[str]
    problems: ClassVar[tuple[str, ...]] = PROBLEMS

    @abstractmethod
    def tuned(self, steps: int, variables: Variables) -> Solver:
        """The same with every rate set, ready to start."""

    @abstractmethod
    def advance(self, variables: Variables, gradient: Tensor) -> None:
        """Move all variables in place, given the gradient of the loss by the gammas."""

    def value(self, variables: Variables) -> Tensor:
        """What the constraints add to the value of the Lagrangian."""
        added = variables.multiplier.dot(variables.violation())
        if variables.problem == "resilient":
            added = torch.add(added, variables.slack.dot(variables.slack), alpha=variables.rho / 2)
        return added

    def state_dict(self) -> dict[str, Any]:
        """Everything that it remembers from step to step."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        del state


def follow(variables: Variables, before: Tensor, order: str, dual_rate: float) -> None:
    """The dual step, given the violation before the primal one."""
    violation = second_sees(order, before, variables.violation)
    variables.multiplier = ascend(variables.multiplier, violation, dual_rate, equality=variables.problem == "equality")


def vector(values: list[Tensor]) -> Tensor:
    """Tensors end to end in one vector."""
    return torch.cat([value.detach().reshape(-1) for value in values])
