"""The algorithm as published: no damping, and Adam on all variables or plain steps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from haar.errors import check_rate
from haar.relax.duals.solver import Solver, Variables, follow
from haar.saddle import check_order, feasible, second_sees


@dataclass
class Paper(Solver):
    """Algorithms 1 and 2 of the source, without augmentation.

    With Adam (the authors' code) gamma and u take Adam steps beside the weights, and the multipliers Adam steps with
    gradient minus the violation. Without it these are the listings' own plain steps. Undamped: a short run
    oscillates, and leaves gammas far from zero; tens of thousands of steps are meant.

    Args:
        gamma_rate: Rate of gammas and slacks: the rate of the weights' optimiser.
        dual_rate: Rate of the multipliers.
        adam: Whether Adam scales the steps.
        augmentation: c of the augmented Lagrangian, for equality.
        order: ``"simultaneous"`` or ``"alternating"``, for plain steps.

    Raises:
        ArgumentError: If a rate is not positive or the order unknown.

    Source: arXiv 2505.13631, Algorithms 1 and 2, with lambda sign(gamma) in the step of gamma and a minus before the
        step of u; rates of its N-body runs.
    """

    gamma_rate: float | int = 9e-4
    dual_rate: float | int = 8e-4
    adam: bool = True
    augmentation: float | int = 0.0
    order: str = "simultaneous"
    _primal: Any = field(default=None, init=False, repr=False, compare=False)
    _dual: Any = field(default=None, init=False, repr=False, compare=False)

    name: ClassVar[str] = "paper"

    def __post_init__(self) -> None:
        check_order(self.order)
        check_rate("gamma_rate", self.gamma_rate)
        check_rate("dual_rate", self.dual_rate)
        check_rate("augmentation", self.augmentation, zero=True)

    def tuned(self, steps: int, variables: Variables) -> Paper:
        """A fresh one: its rates do not depend on the number of steps."""
        del steps
        made = replace(self)
        if made.adam:
            primal = [variables.gamma.clone(), variables.slack.clone()]
            made._primal = torch.optim.Adam(primal, lr=float(self.gamma_rate))  # noqa: SLF001 (its own class)
            made._dual = torch.optim.Adam([variables.multiplier.clone()], lr=float(self.dual_rate))  # noqa: SLF001 (its own class)
        return made

    def advance(self, variables: Variables, gradient: Tensor) -> None:
        """gamma, u, then lambda."""
        v = variables
        before = v.violation()
        by_gamma = gradient + v.pull()
        if v.problem == "equality":
            by_gamma = by_gamma + float(self.augmentation) * v.gamma
        by_slack = v.rho * v.slack - v.multiplier if v.problem == "resilient" else torch.zeros_like(v.slack)
        if not self.adam:
            v.gamma = v.gamma - float(self.gamma_rate) * by_gamma
            v.slack = v.slack - float(self.gamma_rate) * by_slack
            follow(v, before, self.order, float(self.dual_rate))
            return
        v.gamma, v.slack = _adam_step(self._primal, [v.gamma, v.slack], [by_gamma, by_slack])
        violation = second_sees(self.order, before, v.violation)
        (moved,) = _adam_step(self._dual, [v.multiplier], [-violation])
        v.multiplier = feasible(moved, equality=v.problem == "equality")

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments."""
        return {"primal": self._primal.state_dict(), "dual": self._dual.state_dict()} if self.adam else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Adam's moments."""
        if self.adam:
            self._primal.load_state_dict(state["primal"])
            self._dual.load_state_dict(state["dual"])


def _adam_step(optimizer: torch.optim.Optimizer, values: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
    """One step from the given values; the optimiser keeps the moments, the caller the values."""
    held = optimizer.param_groups[0]["params"]
    for place, value, gradient in zip(held, values, gradients, strict=True):
        place.data.copy_(value)
        place.grad = gradient.detach().clone().to(place)
    optimizer.step()
    return [place.detach().clone().to(value) for place, value in zip(held, values, strict=True)]
