"""What a gauge audit found: which methods do not see the parametrisation, and by how much the others do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from matplotlib.figure import Figure

from haar.errors import ArgumentError
from haar.report import Report, Section, Table
from haar.report.drawing import new_figure, style_axes
from haar.report.table import Cell

#: Gaps up to this are what double precision leaves of none.
INVARIANT = 1e-8
#: A gap that is drawn so dark that black on it cannot be read.
_DARK = 0.6


@dataclass(frozen=True)
class Gaps:
    """One perturbation.

    Attributes:
        perturbation: Its name.
        measure: What its level counts.
        level: The level.
        gaps: For each factor how far two compressed copies of one function are apart, relative to it.
        canonical: The same of copies that were brought to the canonical gauge first, moved by all factors at once.
        values: The metric after compression, by the gauge that it was compressed in.
    """

    perturbation: str
    measure: str
    level: float
    gaps: Mapping[str, float]
    canonical: float
    values: Mapping[str, float]

    @property
    def invariant(self) -> bool:
        """Whether no factor is seen."""
        return all(gap <= INVARIANT for gap in self.gaps.values())  # NaN is not


@dataclass(frozen=True)
class GaugeAudit(Report):
    """Copies of one function in other parameters, compressed.

    Attributes:
        model: What was compressed.
        metric: What the values are of.
        absolute: Whether the metric is 0 before.
        dense: The metric before.
        factors: The factors of the gauge group and their groups, in words.
        rows: One for each perturbation.
        undetermined: What the canonical gauge could not decide.
        moved: How far outputs are from each other before anything is compressed: rounding.
    """

    model: str
    metric: str
    absolute: bool
    dense: float
    factors: Mapping[str, str]
    rows: tuple[Gaps, ...]
    undetermined: tuple[str, ...]
    moved: float

    kind: ClassVar[str] = "gauge"
    title: ClassVar[str] = "Compression and the choice of parameters"  # type: ignore[misc]

    def row(self, perturbation: str) -> Gaps:
        """One perturbation's.

        Raises:
            ArgumentError: If it was not tried.
        """
        for row in self.rows:
            if row.perturbation == perturbation:
                return row
        known = ", ".join(row.perturbation for row in self.rows)
        raise ArgumentError("perturbation", expected=f"one of {known}", got=repr(perturbation))

    def gap(self, perturbation: str, factor: str) -> float:
        """The orbit gap of a perturbation under a factor.

        Raises:
            ArgumentError: If there is none of that name.
        """
        gaps = self.row(perturbation).gaps
        if factor not in gaps:
            raise ArgumentError("factor", expected=f"one of {', '.join(gaps)}", got=repr(factor))
        return gaps[factor]

    def canonical_gap(self, perturbation: str) -> float:
        """The gap that is left when copies are brought to the canonical gauge first."""
        return self.row(perturbation).canonical

    def contents(self) -> dict[str, Any]:
        """Everything."""
        return {
            "model": self.model,
            "metric": self.metric,
            "dense": self.dense,
            "factors": dict(self.factors),
            "rows": [{**vars(row), "invariant": row.invariant} for row in self.rows],
            "undetermined": list(self.undetermined),
            "moved": self.moved,
        }

    @property
    def summary(self) -> str:
        """What a person would send on."""
        seen = [row.perturbation for row in self.rows if not row.invariant]
        safe = [row.perturbation for row in self.rows if row.invariant]
        left = [row.canonical for row in self.rows if not math.isnan(row.canonical)]
        lost = [row.perturbation for row in self.rows if math.isnan(row.canonical)]
        worst = max(left, default=0.0)
        told = f"What {len(seen)} of {len(self.rows)} methods give depends on which of its equal copies {self.model} is"
        verb = "does" if len(safe) == 1 else "do"
        told += f"; {', '.join(f'**{name}**' for name in safe)} alone {verb} not see it. " if safe else ". "
        if lost:
            told += f"Of {', '.join(lost)} outputs are not finite, and nothing can be said. "
        elif worst <= INVARIANT:
            return told + f"In canonical gauge (haar.compress.canonical) none does: the gap is at most {worst:.0e}."
        return told + (
            f"In canonical gauge the gap is at most {worst:.1e}: {'; '.join(self.undetermined) or 'not decided'}."
        )

    def sections(self) -> Sequence[Section]:
        """Gaps by factor, then what each gauge costs."""
        names = list(self.factors)
        rows: list[list[Cell]] = [
            [row.perturbation, f"{row.level:g}", *(_gap(row.gaps[name]) for name in names), _gap(row.canonical)]
            for row in self.rows
        ]
        note = f"0: below {INVARIANT:g}; before anything is compressed the copies differ by {self.moved:.0e}"
        columns = ("perturbation", "level", *names, "all, canonical gauge first")
        gauges = list(dict.fromkeys(name for row in self.rows for name in row.values))
        costs: list[list[Cell]] = [
            [row.perturbation, f"{row.level:g}", *(row.values.get(name) for name in gauges)] for row in self.rows
        ]
        costs.insert(0, ["nothing", "", *([self.dense] * len(gauges))])
        found = [
            Section("Who sees the gauge", _WORDS, Table("Orbit gaps", columns, rows, note), self._figure(), _CAPTION),
            Section(
                "What a gauge costs",
                _COSTS,
                Table(f"{self.metric} after compression", ("perturbation", "level", *gauges), costs),
            ),
        ]
        if self.undetermined:
            found.append(Section("What the canonical gauge could not decide", "; ".join(self.undetermined) + "."))
        return found

    def _figure(self) -> Figure:
        names = [*self.factors, "all, canonical first"]
        values = np.array([[*row.gaps.values(), row.canonical] for row in self.rows])
        figure = new_figure(1.6 + 0.75 * len(names), 1.6 + 0.27 * len(self.rows))
        axes = style_axes(figure.subplots())
        axes.imshow(np.clip(values, 0, 1), cmap="Blues", vmin=0, vmax=1.2, aspect="auto")
        for i, line in enumerate(values):
            for j, value in enumerate(line):
                ink = "white" if value > _DARK else "black"
                axes.text(j, i, _gap(float(value)), ha="center", va="center", fontsize=7, color=ink)
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=7)
        axes.set_yticks(range(len(self.rows)), [row.perturbation for row in self.rows], fontsize=7)
        axes.grid(visible=False)
        return figure


def _gap(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "0" if value <= INVARIANT else f"{value:.2g}"


_WORDS = (
    "A model's parameters may be moved in many ways that leave its function alone: units exchanged and scaled, gains "
    "of norms moved into the next weights, the inner basis of heads and of the residual stream turned. Each such copy "
    "was compressed in the same way. Where the compressed copies differ, the method sees an accident of training."
)
_COSTS = (
    "The metric when the model is compressed as it came, in a random gauge, with a residual stream that was rotated at "
    "random (a control), and in canonical gauge, with and without a canonical basis of the stream. The canonical gauge "
    "promises that all copies give the same; that it is better is seen here or it is not."
)
_CAPTION = "Relative difference of compressed copies of one function, by method and by what the copies were moved by."
