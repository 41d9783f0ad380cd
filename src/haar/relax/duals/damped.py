"""The damped solver: plain gradient steps on the augmented Lagrangian, critically damped for the steps there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from haar.errors import ArgumentError, check_rate
from haar.relax.duals.solver import Solver, Variables, follow
from haar.saddle import check_order, check_steps, critical_rates


@dataclass
class Damped(Solver):
    """Plain steps on gamma and its multiplier, with critical damping.

    With curvature h = d2J/dgamma2 near 0 (it dies with the free branch) the undamped method is an oscillator; with the
    term c gamma^2 / 2 and the rates of `haar.saddle.critical_rates` it settles without swinging.

    Args:
        augmentation: c of the augmented Lagrangian, for equality. 0 leaves the method undamped.
        gamma_rate: Rate of the gammas, by default critical.
        dual_rate: Rate of the multipliers, by default critical.
        slack_rate: Rate of the slacks (resilient), by default the gammas'.
        order: ``"simultaneous"`` or ``"alternating"`` (the dual step sees the new gamma).

    Raises:
        ArgumentError: If a rate is not positive, or c = 0 without rates.

    Example:
        >>> import torch
        >>> from haar.relax.duals.solver import Variables
        >>> one = lambda: torch.ones(1, dtype=torch.float64)
        >>> made = Damped().tuned(1500, Variables("equality", 1.0, one(), 0 * one(), 0 * one()))
        >>> made.gamma_rate, made.dual_rate
        (0.02, 0.005)
    """

    augmentation: float | int = 1.0
    gamma_rate: float | int | None = None
    dual_rate: float | int | None = None
    slack_rate: float | int | None = None
    order: str = "simultaneous"

    name: ClassVar[str] = "damped"

    def __post_init__(self) -> None:
        check_order(self.order)
        for label in ("gamma_rate", "dual_rate", "slack_rate"):
            check_rate(label, getattr(self, label))
        if self.augmentation < 0:
            raise ArgumentError("augmentation", expected="at least 0", got=self.augmentation)
        if self.augmentation == 0 and (self.gamma_rate is None or self.dual_rate is None):
            raise ArgumentError(
                "augmentation",
                expected="above 0, to tune the rates from it",
                got=self.augmentation,
                way_out="give gamma_rate and dual_rate",
            )

    def tuned(self, steps: int, variables: Variables) -> Damped:
        """Rates for so many steps."""
        del variables
        gamma_rate, dual_rate = self.gamma_rate, self.dual_rate
        if gamma_rate is None or dual_rate is None:
            check_steps(steps, "give solver=Damped(gamma_rate=..., dual_rate=...)")
            critical = critical_rates(steps, self.augmentation)
            gamma_rate = critical[0] if gamma_rate is None else gamma_rate
            dual_rate = critical[1] if dual_rate is None else dual_rate
        return replace(
            self,
            gamma_rate=float(gamma_rate),
            dual_rate=float(dual_rate),
            slack_rate=float(gamma_rate if self.slack_rate is None else self.slack_rate),
        )

    def advance(self, variables: Variables, gradient: Tensor) -> None:
        """gamma, u, then lambda."""
        v = variables
        before = v.violation()
        pull = v.pull()
        if v.problem == "equality":
            pull = torch.add(pull, v.gamma, alpha=float(self.augmentation))
        new = torch.sub(v.gamma, gradient + pull, alpha=float(self.gamma_rate or 0))
        if v.problem == "resilient":
            v.slack = v.slack - float(self.slack_rate or 0) * (v.rho * v.slack - v.multiplier)
        v.gamma = new
        follow(v, before, self.order, float(self.dual_rate or 0))

    def value(self, variables: Variables) -> Tensor:
        """With the quadratic term."""
        added = super().value(variables)
        if variables.problem == "equality":
            added = torch.add(added, variables.gamma.dot(variables.gamma), alpha=float(self.augmentation) / 2)
        return added
