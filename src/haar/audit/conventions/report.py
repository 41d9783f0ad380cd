"""The audit of conventions as a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from haar.report import Report, Section, Table
from haar.report.drawing import AVERAGED, BASE, WARNING, new_figure, style_axes


@dataclass(frozen=True)
class Choice:
    """One convention, as it was stated and as the data have it.

    Attributes:
        question: What is chosen.
        stated: What the symmetry says.
        found: What fits best; None where the data do not tell.
        errors: By option: error of moved samples over that of samples as they are, everything else at its best.
        deviation: By how many standard errors the best is better than the other.
    """

    question: str
    stated: str
    found: str | None
    errors: Mapping[str, float]
    deviation: float

    @property
    def contradicted(self) -> bool:
        """Whether the data say something else than was stated."""
        return self.found is not None and self.found != self.stated


class ConventionAudit(Report):
    """Which conventions make data and truth consistent.

    Attributes:
        choices: Every convention.
        group: Name of the group that samples were moved by.
        trajectories: Independent trajectories that were compared.
        stated_error: Error of moved samples over that of samples as they are, under the stated conventions.
        best_error: Likewise under the best ones; well above 1 the truth, or the law that was fitted, is not symmetric.
    """

    kind = "convention-audit"
    title = "Which conventions do the data have?"

    def __init__(
        self, choices: Sequence[Choice], group: str, trajectories: int, stated_error: float, best_error: float
    ) -> None:
        self.choices, self.group, self.trajectories = list(choices), group, trajectories
        self.stated_error, self.best_error = stated_error, best_error

    @property
    def contradicted(self) -> list[Choice]:
        """The choices in which the data say something else than was stated."""
        return [one for one in self.choices if one.contradicted]

    @property
    def warning(self) -> str:
        """What is wrong with the stated conventions, in a sentence; empty if nothing is."""
        if not self.contradicted:
            return ""
        told = "; ".join(f"{one.question} is {one.found}, not {one.stated}" for one in self.contradicted)
        return (
            f"The labels contradict the stated conventions: {told}. A law fitted to the data predicts moved samples "
            f"{self.stated_error:.3g} times as badly as samples as they are under the stated conventions, and "
            f"{self.best_error:.3g} times under these."
        )

    @property
    def summary(self) -> str:
        """The verdict."""
        open_ones = [one.question for one in self.choices if one.found is None]
        told = [self.warning or "Nothing contradicts the stated conventions."]
        if open_ones:
            told.append(f"The data do not tell: {'; '.join(open_ones)}.")
        return " ".join(told)

    def contents(self) -> dict[str, Any]:
        """All numbers."""
        return {
            "group": self.group,
            "trajectories": self.trajectories,
            "stated_error": self.stated_error,
            "best_error": self.best_error,
            "choices": [{**one.__dict__, "contradicted": one.contradicted} for one in self.choices],
            "summary": self.summary,
        }

    def sections(self) -> Sequence[Section]:
        """One table and its picture."""
        figure = new_figure(9, 0.5 + 0.55 * max(len(self.choices), 2))
        self.draw(figure.subplots())
        text = (
            "A local law is fitted to half of the trajectories as they are, and tried on the others: as they are, and "
            f"moved by elements of {self.group} as each convention has it. The right one moves samples to samples of "
            "the same law. An error is that of moved samples over that of samples as they are."
        )
        return [Section("Choice by choice", text, self._table(), figure, "Errors of the options of every choice.")]

    def _table(self) -> Table:
        rows = []
        for one in self.choices:
            (name, error), (other, worse) = one.errors.items()
            verdict = "–" if one.found is None else "contradicted" if one.contradicted else "holds"
            row = (one.question, name, _short(error), other, _short(worse), _short(one.deviation), one.found, verdict)
            rows.append(row)
        columns = (
            "choice",
            "stated",
            "error",
            "other",
            "error of it",
            "standard errors apart",
            "the data say",
            "stated",
        )
        note = f"{self.trajectories} trajectories compared; – where the data do not tell."
        return Table("", (*columns[:-1], "verdict"), rows, note, verdicts=("verdict",))

    def draw(self, axes: Axes) -> None:
        """The errors of every choice's options, on given axes."""
        style_axes(axes, x="error of moved samples / of samples as they are")
        for place, one in enumerate(reversed(self.choices)):
            shown = {name: max(error, 1e-3) for name, error in one.errors.items()}
            for name, error in shown.items():
                colour = BASE if one.found is None else AVERAGED if name == one.found else WARNING
                axes.plot([error], [place], "o", color=colour)
            if one.found is None:  # both stand in one place, or nearly
                shown = {" or ".join(shown): max(shown.values())}
            for name, error in shown.items():
                at: Any = {"xytext": (0, 6), "textcoords": "offset points", "fontsize": 7, "ha": "center"}
                axes.annotate(name, (error, place), **at)
        axes.set_yticks(range(len(self.choices)), [one.question for one in reversed(self.choices)], fontsize=8)
        axes.set_xscale("log")
        axes.axvline(1, color=BASE, linewidth=1, linestyle="--")
        axes.margins(x=0.15, y=0.25)


def _short(value: float) -> float:
    return float(f"{value:.3g}")
