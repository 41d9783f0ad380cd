"""The same steps taken by cooper, an independent library of constrained optimisation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from haar.errors import require
from haar.relax.duals.damped import Damped
from haar.relax.duals.solver import Variables


@dataclass
class Cooper(Damped):
    """The damped solver's problem, rates and order, with cooper's optimisers and plain SGD on both sides.

    The loss enters as its linear part at the present gammas, whose gradient is the loss's own, so that weights stay
    with the user's optimiser. Needs the extra ``haar[cooper]``.

    Raises:
        MissingExtraError: If cooper is not installed.
        ArgumentError: As `Damped`.

    Source: cooper-optim (Gallego-Posada et al., arXiv 2504.01212).
    """

    _optimizer: Any = field(default=None, init=False, repr=False, compare=False)
    _problem: Any = field(default=None, init=False, repr=False, compare=False)

    name: ClassVar[str] = "cooper"

    def tuned(self, steps: int, variables: Variables) -> Cooper:
        """Rates as `Damped` has them, and cooper's own objects."""
        cooper = require("cooper", "cooper")
        made = cast("Cooper", super().tuned(steps, variables))
        made._prepare(cooper, variables)  # noqa: SLF001 (its own class)
        return made

    def _prepare(self, cooper: Any, variables: Variables) -> None:
        self._problem = problem = _problem(cooper, variables, float(self.augmentation))
        groups = [
            {"params": [problem.gamma], "lr": self.gamma_rate},
            {"params": [problem.slack], "lr": self.slack_rate},
        ]
        duals = torch.optim.SGD(problem.dual_parameters(), lr=float(self.dual_rate or 0), maximize=True)
        kind = {
            "simultaneous": cooper.optim.SimultaneousOptimizer,
            "alternating": cooper.optim.AlternatingPrimalDualOptimizer,
        }[self.order]
        self._optimizer = kind(cmp=problem, primal_optimizers=torch.optim.SGD(groups), dual_optimizers=duals)

    def advance(self, variables: Variables, gradient: Tensor) -> None:
        """One roll."""
        problem = self._problem
        multiplier = problem.constraint.multiplier.weight
        for place, value in (
            (problem.gamma, variables.gamma),
            (problem.slack, variables.slack),
            (multiplier, variables.multiplier),
        ):
            place.data.copy_(value)
        problem.gradient = gradient.to(problem.gamma)
        with torch.enable_grad():
            self._optimizer.roll()
        variables.gamma, variables.slack, variables.multiplier = (
            place.detach().clone().to(gradient) for place in (problem.gamma, problem.slack, multiplier)
        )


def _problem(cooper: Any, variables: Variables, augmentation: float) -> Any:
    """Cooper's form of the problem: its classes are known only once it is imported."""
    n, like = len(variables.gamma), variables.gamma.new_zeros(len(variables.gamma))
    equality = variables.problem == "equality"
    rho = variables.rho

    class Problem(cooper.ConstrainedMinimizationProblem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.gamma = torch.nn.Parameter(variables.gamma.clone())
            self.slack = torch.nn.Parameter(variables.slack.clone())
            self.gradient = like.clone()
            kind = cooper.ConstraintType.EQUALITY if equality else cooper.ConstraintType.INEQUALITY
            multiplier = cooper.multipliers.DenseMultiplier(num_constraints=n, dtype=like.dtype, device=like.device)
            if equality and augmentation > 0:
                penalty = cooper.penalty_coefficients.DensePenaltyCoefficient(init=torch.full_like(like, augmentation))
                self.constraint = cooper.Constraint(
                    constraint_type=kind,
                    formulation_type=cooper.formulations.AugmentedLagrangian,
                    multiplier=multiplier,
                    penalty_coefficient=penalty,
                )
            else:
                self.constraint = cooper.Constraint(constraint_type=kind, multiplier=multiplier)

        def compute_cmp_state(self) -> Any:
            loss = (self.gradient * self.gamma).sum() + rho / 2 * self.slack.square().sum()
            violation = self.gamma if equality else self.gamma.abs() - self.slack
            state = cooper.ConstraintState(violation=violation)
            return cooper.CMPState(loss=loss, observed_constraints={self.constraint: state})

    return Problem()
