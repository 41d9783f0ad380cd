"""The diagnosis: do the data have the symmetry, and what does a model lose by keeping it? One sentence, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from haar.errors import HaarError, known_keywords
from haar.groups import LieGroup
from haar.relax.diagnosis.dashboard import Dashboard
from haar.relax.diagnosis.gradients import Loss
from haar.relax.diagnosis.kept import Kept
from haar.relax.diagnosis.lie_error import LieError, lie_errors
from haar.relax.diagnosis.loss_share import LossShare, loss_share
from haar.relax.diagnosis.score_test import ScoreTest, SubgroupScore, score_test
from haar.relax.diagnosis.tension import tension
from haar.report import Report, Section, Table
from haar.seeding import Seed
from haar.watch import Unwatched, Watch

#: Relative gaps of the validation loss, gamma = 0 against gamma as learned, below which a symmetry counts as exact and
#: above which as broken; our choice, between what the table of vectors shows without a break and with a small one.
EXACT, BROKEN = 0.02, 0.05


class Diagnosis(Report):
    """What was found about a trained model and its data.

    Attributes:
        score: The score test at a strictly equivariant model, the primary evidence; None if there was no such model.
        gap: Validation loss at gamma = 0 over that with gammas, less one; the secondary evidence; None if not measured.
        tension: Tension of every layer.
        share: The split of the squared loss; None for other losses.
        lie: Lie-derivative errors; empty for finite groups.
        dashboard: The run's readings; None if there were none.
    """

    kind: ClassVar[str] = "relaxation-diagnosis"

    def __init__(
        self,
        group: str,
        *,
        score: ScoreTest | None,
        gap: float | None,
        tension: dict[str, float],
        share: LossShare | None,
        lie: Sequence[LieError] = (),
        dashboard: Dashboard | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.group, self.score, self.gap = group, score, gap
        self.tension, self.share, self.lie, self.dashboard, self.notes = (
            tension,
            share,
            list(lie),
            dashboard,
            list(notes),
        )
        self.title = f"Which symmetry do the data break? {group}"

    @property
    def verdict(self) -> str:
        """``"exact"``, ``"broken"`` or ``"undecided"``; the score test has the first word."""
        if self.score is not None and any(s.rejected for s in self.score.scores):
            return "broken"
        if self.gap is None:
            return "undecided"
        if self.gap > BROKEN:
            return "broken" if self.score is None else "undecided"
        return "exact" if self.gap <= EXACT else "undecided"

    @property
    def summary(self) -> str:
        """The verdict in one sentence."""
        gap = ""
        if self.gap is not None:
            change = "gains" if self.gap < 0 else "costs"
            gap = f"gamma = 0 {change} {100 * abs(self.gap):.1f} % of validation loss"
        if self.verdict == "broken" and self.score is not None:
            kept = " or ".join(self.score.largest)
            rest = f"{kept} is not rejected" if kept else "every subgroup tested is rejected"
            worst = min(self.score.scores, key=lambda s: s.holm)
            also = f", and {gap}" if gap else ""
            return f"The data break {self.group} (score test, {_holm(worst)}{also}); {rest}."
        if self.verdict == "broken":
            return f"The data break {self.group}: {gap}."
        tested = "" if self.score is None else f"the score test does not reject it ({_holm(self.score.whole)})"
        evidence = " and ".join(part for part in (tested, gap) if part)
        if self.verdict == "exact":
            return f"Use {self.group} as exact: {evidence}."
        return f"Whether the data have {self.group} is undecided: {evidence or 'nothing was measured'}."

    @property
    def made_of(self) -> Mapping[str, object]:
        """Group and conventions."""
        return {
            "group": str(self.group),
            "conventions": "score tests with a randomisation null; p after Holm's correction over the subgroups",
        }

    def contents(self) -> dict[str, Any]:
        """Everything that was found."""
        return {
            "group": self.group,
            "verdict": self.verdict,
            "sentence": self.summary,
            "gap": self.gap,
            "score": None if self.score is None else self.score.to_dict(),
            "tension": self.tension,
            "loss_share": None if self.share is None else {**asdict(self.share), "share": self.share.share},
            "lie": [asdict(error) for error in self.lie],
            "dashboard": None if self.dashboard is None else self.dashboard.to_dict(),
            "notes": self.notes,
        }

    def sections(self) -> Sequence[Section]:
        """The verdict, then each piece of evidence."""
        rows: list[tuple[str, str | float | None]] = [("verdict", self.verdict)]
        if self.score is not None:
            rows += [("score test, p", self.score.whole.p), ("largest kept", " or ".join(self.score.largest) or "none")]
        rows.append(("gap at gamma = 0 (relative)", self.gap))
        if self.share is not None:
            rows.append(("share of the squared loss due to asymmetry", self.share.share))
        found = [Section("Verdict", text=f"**{self.summary}**", table=Table("", ("", "value"), rows))]
        found += [Section("", text=note) for note in self.notes]
        if self.score is not None:
            found += list(self.score.sections())
        if self.tension:
            found.append(
                Section(
                    "Tension",
                    text="How much of the gradient of an equivariant model points away from the symmetry: 0 on data "
                    "that are whole orbits, of order 1 on others by chance alone.",
                    table=Table("", ("layer", "tension"), [(name or "layer", t) for name, t in self.tension.items()]),
                )
            )
        if self.lie:
            names = list(self.lie[0].layers)
            lines: list[tuple[str | float, ...]] = [
                (f"X{e.generator}", e.error, e.relative, *e.layers.values(), e.rest) for e in self.lie
            ]
            found.append(
                Section(
                    "Lie-derivative error",
                    text="By generator, with every layer's share of it.",
                    table=Table("", ("generator", "LEE", "relative", *names, "rest"), lines),
                )
            )
        if self.dashboard is not None and self.dashboard.readings:
            found += list(self.dashboard.sections())
        return found


@known_keywords
def diagnose(
    model: Any,
    loss: Loss,
    inputs: Any,
    target: Any,
    *,
    strict: Any = None,
    dashboard: Dashboard | None = None,
    squared: bool = False,
    draws: int = 999,
    level: float = 0.05,
    seed: Seed = 0,
    watch: Watch = Unwatched(),
) -> Diagnosis:
    """Diagnose a relaxed model and its data.

    Args:
        model: The relaxed, trained model.
        loss: The task's loss of (prediction, target), invariant under the group.
        inputs: Inputs of independent samples, on which the score test runs.
        target: What the loss compares with, samples on axis 0.
        strict: A wrapped model trained at gamma = 0 (`Strict`): the score test is exact on its training data. Without
            it the relaxed model is looked at with gammas at zero; then give samples it was not trained on.
        dashboard: The run's readings, for the gap on validation data; without them the gap is that on the samples.
        squared: Whether the loss is a mean squared error, so that it splits over the group.
        draws: Random moves of the score test.
        level: Significance level of the score test.
        seed: Seed of everything random; a generator goes on from test to test.
        watch: Told of the score test's subgroups.

    Returns:
        The diagnosis: `.verdict`, `.summary`, and a report.
    """
    symmetry = model.symmetry
    tested = model if strict is None else strict
    notes = []
    if strict is None:
        notes.append(
            "The score test looked at the relaxed model with gammas at zero; it is exact only on samples that the "
            "model was not trained on."
        )
    board = dashboard
    if board is None or not board.readings:
        board = Dashboard(Kept(model), loss, inputs, target)
        board.read()
        notes.append("The gap was measured on the samples given, not on validation data.")
    lie: list[LieError] = []
    if isinstance(symmetry.group, LieGroup):
        try:
            lie = lie_errors(model, inputs)
        except HaarError as error:
            notes.append(f"No Lie-derivative errors: {error}.")
    return Diagnosis(
        symmetry.group.name,
        score=score_test(tested, loss, inputs, target, draws=draws, level=level, seed=seed, watch=watch),
        gap=board.gap,
        tension=tension(tested, loss, inputs, target),
        share=loss_share(model, symmetry, inputs, target, seed=seed) if squared else None,
        lie=lie,
        dashboard=board,
        notes=notes,
    )


def _holm(score: SubgroupScore) -> str:
    return f"Holm's p = {score.holm:.3g}"
