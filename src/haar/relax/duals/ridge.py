"""The ridge on gamma: the control that every resilient run is compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from haar.errors import check_rate
from haar.relax.duals.solver import Solver, Variables
from haar.saddle import check_steps, critical_rates


@dataclass
class Ridge(Solver):
    """Plain gradient steps on J + rho/2 sum gamma^2, from the first step to the last.

    For fixed weights the least price of slack with u >= |gamma| is rho/2 gamma^2, so the resilient problem has exactly
    the stationary points of this one, with u = |gamma| and lambda = rho |gamma|; both are reported. What differs is
    the way there: resilient multipliers start at zero.

    Args:
        gamma_rate: Rate of the gammas; by default 30 / T, that of the damped solver.

    Raises:
        ArgumentError: If the rate is not positive.
    """

    gamma_rate: float | int | None = None

    name: ClassVar[str] = "ridge"
    problems: ClassVar[tuple[str, ...]] = ("resilient",)

    def __post_init__(self) -> None:
        check_rate("gamma_rate", self.gamma_rate)

    def tuned(self, steps: int, variables: Variables) -> Ridge:
        """The rate for so many steps."""
        del variables
        if self.gamma_rate is None:
            check_steps(steps, "give solver=Ridge(gamma_rate=...)")
            return replace(self, gamma_rate=critical_rates(steps, 1.0)[0])
        return replace(self, gamma_rate=float(self.gamma_rate))

    def advance(self, variables: Variables, gradient: Tensor) -> None:
        """One step; the slack and the multiplier follow in closed form.

        The pull is taken implicitly, (gamma - a g) / (1 + a rho): the same fixed points, and stable for any rho.
        """
        rate = float(self.gamma_rate or 0)
        variables.gamma = (variables.gamma - rate * gradient) / (1 + rate * variables.rho)
        variables.slack = variables.gamma.abs()
        variables.multiplier = variables.rho * variables.slack

    def value(self, variables: Variables) -> Tensor:
        """rho/2 sum gamma^2."""
        return variables.rho / 2 * variables.gamma.square().sum()
