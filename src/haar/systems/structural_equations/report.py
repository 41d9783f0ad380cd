"""A structural function in one report: beside the regression and its bias, beside two-stage least squares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from matplotlib.figure import Figure

from haar.errors import ArgumentError
from haar.report import Report, Section, Table
from haar.report.drawing import AVERAGED, BASE, COLOURS, WARNING, new_figure, style_axes
from haar.report.table import Cell
from haar.systems.structural_equations.estimator import Estimator
from haar.systems.structural_equations.linear import linear_saddle, with_constant
from haar.systems.structural_equations.neural import NeuralIV
from haar.systems.structural_equations.regression import NeuralRegression
from haar.systems.structural_equations.residual import projected_residual
from haar.systems.structural_equations.tables import Problem
from haar.systems.structural_equations.two_stage import TwoStageLeastSquares
from haar.systems.structural_equations.weak import ConfidenceSet, FirstStage, anderson_rubin, said_before

#: Rows up to which the projected residual is computed; it costs their cube.
_ROWS = 1500
#: Points of a curve, and the part of the data that it leaves out on either side.
_POINTS, _TAIL = 60, 0.025


@dataclass(frozen=True, eq=False)
class StructuralReport(Report):
    """A structural function beside what it is compared with.

    Attributes:
        estimator: What was fitted, in a line.
        rows: Number of rows.
        slopes: By way and endogenous column: the mean rise per unit over the middle 95 % of the column.
        residuals: By way: the projected residual on the rows that it was fitted to.
        errors: By way: the mean squared error against the outcome, by which nothing is to be chosen.
        stages: What the instruments say of every endogenous column.
        sets: The Anderson-Rubin set of the linear coefficient, for one endogenous column.
        curves: By endogenous column: its values, and each way's function there, the other columns at their medians.
    """

    kind: ClassVar[str] = "structural equation"

    estimator: str
    rows: int
    slopes: Mapping[str, Mapping[str, float]]
    residuals: Mapping[str, float]
    errors: Mapping[str, float]
    stages: Mapping[str, FirstStage]
    sets: ConfidenceSet | None
    curves: Mapping[str, Mapping[str, Sequence[float]]]

    title = "A structural equation"

    @property
    def summary(self) -> str:
        """The bias of the regression, and whether the instruments are weak."""
        told = []
        ways = list(self.slopes)
        for column in self.curves:
            ours, regression = self.slopes[ways[0]][column], self.slopes[ways[1]][column]
            told.append(
                f"A unit of {column} adds {ours:.4g} on average; the regression says {regression:.4g}, which is "
                f"{regression - ours:+.4g} of bias if the instruments are valid."
            )
        weak = [name for name, stage in self.stages.items() if stage.weak]
        if weak:
            told.append(f"The instruments are weak for {', '.join(weak)}: trust the Anderson-Rubin set alone.")
        told.append("There are no standard errors here: haar.systems.structural_equations.bootstrap gives intervals.")
        return " ".join(told)

    def contents(self) -> dict[str, Any]:
        """Everything that was found."""
        stages = {k: {"f": s.f, "effective": s.effective, "p": s.p, "weak": s.weak} for k, s in self.stages.items()}
        sets = None if self.sets is None else {"level": self.sets.level, "pieces": [list(p) for p in self.sets.pieces]}
        return {
            "estimator": self.estimator,
            "rows": self.rows,
            "slopes": {way: dict(each) for way, each in self.slopes.items()},
            "projected residuals": dict(self.residuals),
            "errors against the outcome": dict(self.errors),
            "first stages": stages,
            "anderson-rubin": sets,
            "curves": {column: dict(each) for column, each in self.curves.items()},
        }

    def sections(self) -> Sequence[Section]:
        """What was found, and how far it is to be trusted."""
        columns = list(self.curves)
        rows: list[list[Cell]] = [
            [way, *(each[column] for column in columns), self.residuals[way], self.errors[way]]
            for way, each in self.slopes.items()
        ]
        heads = (
            "function",
            *(f"mean slope in {column}" for column in columns),
            "projected residual",
            "error against y",
        )
        note = "the projected residual is what the instruments see of y - f(X); the smaller error is no better function"
        return [
            Section("What was found", self.summary, Table("Functions", heads, rows, note), self._drawn(), _CAPTION),
            Section("The instruments", _INSTRUMENTS, self._stages()),
        ]

    def _stages(self) -> Table:
        rows: list[list[Cell]] = []
        for name, stage in self.stages.items():
            told = "" if self.sets is None else str(self.sets)
            rows.append([name, stage.f, stage.effective, "weak" if stage.weak else "strong enough", told])
        heads = (
            "endogenous",
            "first-stage F",
            "effective F",
            "verdict",
            "Anderson-Rubin set of the linear coefficient",
        )
        return Table("First stage", heads, rows, "a first-stage or effective F below 10 is called weak")

    def _drawn(self) -> Figure:
        figure = new_figure(3.6 * len(self.curves) + 2.4, 3.2)
        panels = figure.subplots(1, len(self.curves), squeeze=False)[0]
        colours = dict(zip(self.slopes, (AVERAGED, WARNING, COLOURS[1], BASE), strict=False))
        for axes, (column, curves) in zip(panels, self.curves.items(), strict=True):
            style_axes(axes, x=column, y="f" if axes is panels[0] else "")
            for way, colour in colours.items():
                line = "--" if way == list(self.slopes)[1] else "-"
                axes.plot(curves["at"], curves[way], color=colour, linestyle=line, linewidth=1.6, label=way)
        panels[-1].legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
        return figure


def report(fitted: Estimator) -> StructuralReport:
    """A fitted structural function beside the regression, whose bias is thereby seen, and two-stage least squares.

    The regression of a `NeuralIV` is a network of the same kind, trained as long; that of other estimators is least
    squares. All are fitted to the same rows.

    Args:
        fitted: An estimator that was fitted.

    Raises:
        ArgumentError: If it was not fitted.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> z, e = generator.normal(size=(2, 2000))
        >>> found = report(TwoStageLeastSquares().fit(z + e, 3 * (z + e) + e, z))
        >>> {way: round(slopes["X0"], 1) for way, slopes in found.slopes.items()}
        {'TwoStageLeastSquares': 3.0, 'regression': 3.5}
    """
    if not hasattr(fitted, "problem_"):
        raise ArgumentError("fitted", expected="an estimator that was fitted", got="one that was not")
    made = fitted.problem_
    ways: dict[str, Any] = {type(fitted).__name__: fitted.predict}
    with said_before():
        if isinstance(fitted, NeuralIV):
            ways["regression"] = NeuralRegression(**fitted.get_params()).fit_problem(made).predict
        else:
            x = with_constant(made.x.values)
            least = linear_saddle(x, x, made.y).primal
            ways["regression"] = lambda values: with_constant(values) @ least
        if not (isinstance(fitted, TwoStageLeastSquares) and fitted.degree == 1):
            linear = TwoStageLeastSquares(exogenous=fitted.exogenous).fit_problem(made)
            ways["linear 2SLS"] = linear.predict
    curves = {made.x.names[place]: _curve(made, place, ways) for place in made.endogenous}
    slopes = {
        way: {name: (each[way][-1] - each[way][0]) / (each["at"][-1] - each["at"][0]) for name, each in curves.items()}
        for way in ways
    }
    some = made.rows(np.linspace(0, len(made.y) - 1, min(len(made.y), _ROWS)).astype(int))
    left = {way: some.y - function(some.x.values) for way, function in ways.items()}
    return StructuralReport(
        estimator=repr(fitted),
        rows=len(made.y),
        slopes=slopes,
        residuals={way: projected_residual(each, some.instruments.values) for way, each in left.items()},
        errors={way: float(np.mean(each**2)) for way, each in left.items()},
        stages=fitted.first_stage_,
        sets=anderson_rubin(made) if len(made.endogenous) == 1 else None,
        curves=curves,
    )


def _curve(made: Problem, place: int, ways: Mapping[str, Any]) -> dict[str, list[float]]:
    """Each function along one column."""
    column = made.x.values[:, place]
    low, high = np.quantile(column, [_TAIL, 1 - _TAIL])
    at = np.linspace(low, high, _POINTS)
    values = np.tile(np.median(made.x.values, axis=0), (_POINTS, 1))
    values[:, place] = at
    return {"at": at.tolist(), **{way: np.asarray(each(values)).tolist() for way, each in ways.items()}}


_CAPTION = "Along each endogenous column, the others at their medians."
_INSTRUMENTS = (
    "Weak instruments say little of the regressor: estimates then lean towards the regression, and intervals do not "
    "cover. The Anderson-Rubin set covers all the same; it may be unbounded, which says that the data do not tell."
)
