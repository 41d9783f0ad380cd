"""The damped solver: plain gradient steps on the augmented Lagrangian, critically damped for the steps there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from haar.errors import ArgumentError, check_rate
from haar.relax.duals.solver import Solver, Variables, check_order, follow

#: Time constants in a run: gammas have settled after a third of it (exp(-5)).
_TIME_CONSTANTS = 15
#: Fewer steps than this cannot be tuned: a step would be no small part of a time constant.
FEWEST_STEPS = 30


@dataclass
class Damped(Solver):
    """Plain steps on gamma and its multiplier, with critical damping.

    With curvature h = d2J/dgamma2 near 0 (it dies with the free branch) the undamped method is an oscillator. With the
    term c gamma^2 / 2 one simultaneous step is the matrix [[1 - a c, -a], [b, 1]] for rates a (gamma) and b
    (multiplier); a = 2 r / c and b = r c / 2 give it the double eigenvalue 1 - r exactly, for any r. Here r = 15 / T.

    Args:
        augmentation: c of the augmented Lagrangian, for equality. 0 leaves the method undamped.
        gamma_rate: Rate of the gammas, by default 2 r / c.
        dual_rate: Rate of the multipliers, by default r c / 2.
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
        c = float(self.augmentation)
        given = self.gamma_rate is not None and self.dual_rate is not None
        if not given and steps < FEWEST_STEPS:
            raise ArgumentError(
                "steps",
                expected=f"at least {FEWEST_STEPS} to tune the solver for",
                got=steps,
                way_out="give solver=Damped(gamma_rate=..., dual_rate=...)",
            )
        r = _TIME_CONSTANTS / max(steps, 1)
        gamma_rate = 2 * r / c if self.gamma_rate is None else float(self.gamma_rate)
        return replace(
            self,
            gamma_rate=gamma_rate,
            dual_rate=r * c / 2 if self.dual_rate is None else float(self.dual_rate),
            slack_rate=gamma_rate if self.slack_rate is None else float(self.slack_rate),
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
