"""Every model on the same folds of one surface, as a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from haar.data.molecules import Molecules
from haar.errors import ArgumentError
from haar.nn.circuits.options import one_of
from haar.report import Report, Section, Table
from haar.systems.quantum.comparison import chosen_contenders, contest, split
from haar.systems.quantum.figures import draw_errors, draw_surfaces
from haar.systems.quantum.sections import SURFACES_CAPTION, errors_table, symmetry_table, winner
from haar.systems.quantum.surface_curves import predicted_curve, reference_curves
from haar.systems.quantum.training import PotentialPlan
from haar.watch import Unwatched, Watch


@dataclass(frozen=True, eq=False)
class ComparisonReport(Report):
    """Every model on the same folds.

    Args:
        data: Name of the surface.
        train: Number of training points.
        measured: What was measured, by table, model and fold.
    """

    kind: ClassVar[str] = "quantum comparison"
    title = "Circuits and baselines on one surface"

    data: str
    train: int
    measured: Mapping[str, Any]

    @property
    def summary(self) -> str:
        """Who wins."""
        best = winner([self.measured], f"{self.data} {self.train}")
        return f"**{best}** has the least test error on {self.data} with {self.train} training points."

    def contents(self) -> dict[str, Any]:
        """All numbers."""
        return {"data": self.data, "train": self.train, "tables": self.measured["tables"]}

    def sections(self) -> Sequence[Section]:
        """The table, errors against parameters, and curves where there is a reference to draw."""
        measures, (table, details) = [self.measured], self._tables()
        found = [Section("", self.summary, table, draw_errors(measures)), Section("", table=details)]
        if self.data in self.measured["surfaces"]:
            found.append(Section("Surface", figure=draw_surfaces(measures), caption=SURFACES_CAPTION))
        return found

    def markdown(self) -> str:
        """The tables as text."""
        return "\n".join(table.markdown() for table in self._tables())

    def _tables(self) -> tuple[Table, Table]:
        measures, name = [self.measured], f"{self.data} {self.train}"
        return errors_table(measures, name), symmetry_table(measures, name)


def compare(
    data: str,
    *,
    train: int,
    folds: int,
    seeds: int = 1,
    names: Sequence[str] | None = None,
    plan: PotentialPlan | None = None,
    held_out: float = 0.0,
    watch: Watch = Unwatched(),
) -> ComparisonReport:
    """Train every model on every fold.

    Args:
        data: ``lih``, ``nh3`` or ``h2o``.
        train: Number of training points.
        folds: Number of folds.
        seeds: Seeds of every fold.
        names: Some of the models, by title.
        plan: How models are trained that bring no plan of their own.
        held_out: Share of the training set that chooses which weights are kept.
        watch: Told of the progress.

    Raises:
        ArgumentError: If something is out of range.
    """
    one_of("data", data, ("lih", "nh3", "h2o"))
    if folds < 1 or seeds < 1:
        raise ArgumentError("folds, seeds", expected="at least 1", got=f"{folds}, {seeds}")
    contenders = chosen_contenders(data, names)
    rows: dict[str, Any] = {}
    with watch.stage(f"{data}, {train} points", len(contenders) * folds * seeds) as advance:
        for seed in range(seeds):
            surface = Molecules.shipped(data).in_frame("rotated" if data == "lih" else "augmented", seed=seed)
            for fold in range(folds):
                fitted, test = split(surface, train, fold=fold, seed=seed)
                for contender in contenders:
                    run = seed * folds + fold
                    potential, row = contest(
                        contender, fitted, test, plan=plan or PotentialPlan(), seed=run, held_out=held_out
                    )
                    rows[f"{data} {train}|{contender.title}|{run}"] = row | predicted_curve(data, potential)
                    advance()
    return ComparisonReport(data, train, {"tables": rows, "surfaces": reference_curves()})
