"""Which estimator: the one whose residual the instruments see least of, on rows that were held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from haar.errors import ArgumentError
from haar.report.table import Cell, Table
from haar.systems.structural_equations.estimator import Estimator
from haar.systems.structural_equations.residual import projected_residual
from haar.systems.structural_equations.tables import problem
from haar.systems.structural_equations.weak import said_before


@dataclass(frozen=True)
class Choice:
    """What was chosen, and by what.

    Attributes:
        name: Of the estimator that was chosen.
        best: The estimator, fitted to all rows.
        residuals: The projected residual of each on the held-out rows.
        errors: The mean squared error of each against the outcome there, by which nothing is chosen.
    """

    name: str
    best: Estimator
    residuals: Mapping[str, float]
    errors: Mapping[str, float]

    def table(self) -> Table:
        """All of them, the best first."""
        order = sorted(self.residuals, key=self.residuals.__getitem__)
        rows: list[list[Cell]] = [[name, self.residuals[name], self.errors[name]] for name in order]
        note = "chosen by the projected residual; the error against the outcome prefers the regression"
        return Table("Held-out rows", ("estimator", "projected residual", "error against y"), rows, note)


def choose(
    candidates: Mapping[str, Estimator],
    X: Any,
    y: Any,
    Z: Any,
    *,
    held_out: float = 0.375,
    seed: int = 0,
) -> Choice:
    """Fit each candidate to some rows, and choose by the projected residual on the others.

    Args:
        candidates: Estimators by name, with the same `exogenous`.
        X: Regressors.
        y: The outcome.
        Z: The excluded instruments.
        held_out: Part of the rows that the choice is made on.
        seed: Of the split.

    Raises:
        ArgumentError: If there is no candidate, or no row is left on a side.

    Example:
        >>> from haar.systems.structural_equations.two_stage import TwoStageLeastSquares
        >>> generator = np.random.default_rng(0)
        >>> z, e = generator.normal(size=(2, 800))
        >>> x = z + 0.5 * e
        >>> powers = {f"degree {k}": TwoStageLeastSquares(k) for k in (1, 3)}
        >>> choose(powers, x, x**3 / 3 + e, z).name
        'degree 3'
    """
    if not candidates:
        raise ArgumentError("candidates", expected="at least one", got="none")
    if not 0 < held_out < 1:
        raise ArgumentError("held_out", expected="between 0 and 1", got=held_out)
    exogenous = {name: tuple(each.exogenous) for name, each in candidates.items()}
    if len(set(exogenous.values())) > 1:
        raise ArgumentError("candidates", expected="the same exogenous columns in all", got=exogenous)
    made = problem(X, y, Z, next(iter(exogenous.values())))
    rows = np.random.default_rng(seed).permutation(len(made.y))
    cut = round(held_out * len(rows))
    used, seen = made.rows(rows[cut:]), made.rows(rows[:cut])
    residuals, errors = {}, {}
    for name, each in candidates.items():
        with said_before():
            residual = seen.y - each.fresh().fit_problem(used).predict(seen.x.values)
        residuals[name] = projected_residual(residual, seen.instruments.values)
        errors[name] = float(np.mean(residual**2))
    name = min(residuals, key=residuals.__getitem__)
    return Choice(name, candidates[name].fresh().fit_problem(made), residuals, errors)
