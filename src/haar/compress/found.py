"""What a sweep found: curves, thresholds, and the sentence to send on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from matplotlib.figure import Figure

from haar.compress.crossing import TOLERANCE, Crossing
from haar.compress.curve import Curve
from haar.errors import ArgumentError
from haar.report import Report, Section, Table
from haar.report.drawing import BASE, COLOURS, log_scale, new_figure, share_legend, style_axes
from haar.report.table import Cell
from haar.statistics import FEWEST


@dataclass(frozen=True)
class Threshold:
    """How far one perturbation may go by one metric.

    Attributes:
        curve: The curve.
        crossing: Where it leaves what is tolerated.
    """

    curve: Curve
    crossing: Crossing

    @property
    def safe(self) -> float | None:
        """The strongest level tried that is within the tolerance, by the end of the interval; None if none is."""
        lower = self.crossing.level
        if not self.crossing.found:
            return self.curve.levels[-1]
        rising = self.curve.perturbation.rising
        end = lower.low if rising else lower.high
        end = lower.value if math.isnan(end) else end
        kept = [level for level in self.curve.levels if (level <= end if rising else level >= end)]
        return kept[-1] if kept else None


@dataclass(frozen=True)
class Sweep(Report):
    """A model, compressed in several ways and at several levels.

    Attributes:
        curves: One for each perturbation and metric.
        layers: Names of the weights that were compressed.
        model: What was compressed.
        trajectories: How many independent trajectories the samples are of; None where every sample stands alone.
    """

    curves: tuple[Curve, ...]
    layers: tuple[str, ...]
    model: str
    trajectories: int | None = None

    kind: ClassVar[str] = "sweep"
    title: ClassVar[str] = "What compression leaves of a model"  # type: ignore[misc]

    @property
    def perturbations(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(dict.fromkeys(curve.perturbation.name for curve in self.curves))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(dict.fromkeys(curve.metric.name for curve in self.curves))

    def curve(self, perturbation: str, metric: str | None = None) -> Curve:
        """One curve.

        Args:
            perturbation: Its name.
            metric: Its name; the first by default.

        Raises:
            ArgumentError: If there is none.
        """
        mine = [curve for curve in self.curves if curve.perturbation.name == perturbation]
        if not mine:
            known = ", ".join(self.perturbations)
            raise ArgumentError("perturbation", expected=f"one of {known}", got=repr(perturbation))
        for curve in mine:
            if metric is None or curve.metric.name == metric:
                return curve
        known = ", ".join(curve.metric.name for curve in mine)
        raise ArgumentError("metric", expected=f"one of {known}", got=repr(metric))

    def thresholds(self, tolerance: float | int = TOLERANCE, *, metric: str | None = None) -> tuple[Threshold, ...]:
        """Where each perturbation leaves what is tolerated.

        Args:
            tolerance: The share by which a metric may be worse than before.
            metric: By which metric; by default the first one of every perturbation.
        """
        chosen = [self.curve(name, metric) for name in self.perturbations if metric is None or self._has(name, metric)]
        return tuple(Threshold(curve, curve.crossing(tolerance)) for curve in chosen)

    def _has(self, perturbation: str, metric: str) -> bool:
        return any(c.perturbation.name == perturbation and c.metric.name == metric for c in self.curves)

    def contents(self) -> dict[str, Any]:
        """Curves and thresholds."""
        found = []
        for threshold in self.thresholds():
            law = threshold.curve.law()
            told = None
            if law is not None:
                told = {**vars(law), "transition": law.transition}
            found.append(
                {
                    "perturbation": threshold.curve.perturbation.name,
                    "metric": threshold.curve.metric.name,
                    "tolerance": threshold.crossing.tolerance,
                    "crossing": threshold.crossing.level.to_dict(),
                    "law": told,
                }
            )
        return {
            "model": self.model,
            "layers": list(self.layers),
            **({} if self.trajectories is None else {"trajectories": self.trajectories}),
            "curves": [curve.to_dict() for curve in self.curves],
            "thresholds": found,
        }

    @property
    def summary(self) -> str:
        """What a person would send on."""
        told = []
        thresholds = self.thresholds()
        for threshold in thresholds:
            name, measure = threshold.curve.perturbation.name, threshold.curve.perturbation.measure
            if threshold.safe is None:
                told.append(f"**{name}** at no level that was tried")
            else:
                told.append(f"**{name}** to {_level(measure, threshold.safe)}")
        metric = thresholds[0].curve.metric
        share = f"{TOLERANCE:.0%} worse" if not metric.absolute else f"above {TOLERANCE:g}"
        told[-1] += "." if len(thresholds[0].curve.draws) else f". {self._undrawn()}: this may be chance."
        return f"{self.model} can be changed without its {metric.name} becoming {share} by " + ", ".join(told)

    def sections(self) -> Sequence[Section]:
        """Thresholds with the curves, then every level."""
        first = Section("How far it goes", _WORDS, self._thresholds(), self._figure(), _CAPTION)
        return [first, *(Section("Every level" if k == 0 else "", "", t) for k, t in enumerate(self._tables()))]

    def _thresholds(self) -> Table:
        rows: list[list[Cell]] = []
        for threshold in self.thresholds():
            curve, law = threshold.curve, threshold.curve.law()
            crossing = threshold.crossing
            rows.append(
                [
                    curve.perturbation.name,
                    curve.perturbation.measure,
                    curve.metric.name,
                    curve.baseline.value,
                    str(crossing),
                    "–" if law is None else str(law),
                ]
            )
        columns = ("perturbation", "level", "metric", "before", "crosses the tolerance at", "transition")
        drawn = len(self.curves[0].draws) > 0
        units = "the data" if self.trajectories is None else f"{self.trajectories} trajectories"
        undrawn = self._undrawn()
        intervals = f"intervals (95 %) of a bootstrap over {units}" if drawn else undrawn[0].lower() + undrawn[1:]
        note = f"tolerance {TOLERANCE:.0%}; {intervals}"
        return Table("Thresholds", columns, rows, note)

    def _undrawn(self) -> str:
        """What is said where nothing is known of chance."""
        units = "samples" if self.trajectories is None else f"trajectories (here {self.trajectories})"
        return f"There are no intervals, which need {FEWEST} {units} and draws"

    def _tables(self) -> Iterator[Table]:
        for name in self.perturbations:
            curves = [curve for curve in self.curves if curve.perturbation.name == name]
            one = curves[0].perturbation
            rows: list[list[Cell]] = [["before", 0.0, *(f"{curve.baseline}" for curve in curves)]]
            for place, level in enumerate(curves[0].levels):
                rows.append([f"{level:g}", curves[0].sparsity[place], *(f"{curve.points[place]}" for curve in curves)])
            columns = (one.measure if one.measure != "sparsity" else "level", "zeros", *(c.metric.name for c in curves))
            yield Table(name, columns, rows)

    def _figure(self) -> Figure:
        panels: dict[tuple[str, str], list[Curve]] = {}
        for curve in self.curves:
            panels.setdefault((curve.metric.name, curve.perturbation.measure), []).append(curve)
        metrics = list(dict.fromkeys(metric for metric, _ in panels))
        measures = list(dict.fromkeys(measure for _, measure in panels))
        figure = new_figure(max(4.0, 3.3 * len(measures)), 2.5 * len(metrics) + 0.8)
        axes = figure.subplots(len(metrics), len(measures), squeeze=False)
        colours = {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(self.perturbations)}
        styles = {name: ("-", "--", ":")[k // len(COLOURS) % 3] for k, name in enumerate(self.perturbations)}
        for row, metric in enumerate(metrics):
            for column, measure in enumerate(measures):
                panel = axes[row, column]
                found = panels.get((metric, measure), [])
                if not found:
                    panel.set_visible(False)
                    continue
                style_axes(panel, x=measure, y=metric)  # each: a page may put them one below the other
                draw(panel, found, colours, styles)
        share_legend(figure, axes.flat)
        return figure


def draw(panel: Any, curves: Sequence[Curve], colours: dict[str, str], styles: dict[str, str]) -> None:
    """Curves of one metric and one kind of level, with their intervals.

    Args:
        panel: Axes to draw into.
        curves: The curves.
        colours: By the perturbation's name.
        styles: Of lines, by the perturbation's name.
    """
    for curve in curves:
        name = curve.perturbation.name
        kind = styles[name] if len(curve.levels) > 1 else ""
        panel.plot(
            curve.levels, curve.values, "o" + kind, color=colours[name], markersize=3.5, linewidth=1.3, label=name
        )
        low, high = ([getattr(point, end) for point in curve.points] for end in ("low", "high"))
        if len(curve.levels) > 1:
            panel.fill_between(curve.levels, low, high, color=colours[name], alpha=0.15, linewidth=0)
    _draw_limit(panel, curves[0])
    shown = [value for curve in curves for value in curve.values if math.isfinite(value)]
    growing = curves[0].metric.worse == "higher"  # a share of what is right is none
    if growing and shown and min(shown) > 0 and max(shown) > 3 * min(shown):
        log_scale(panel, "y", plain=max(shown) < 1e4 and min(shown) > 1e-2)
    if not curves[0].perturbation.rising:
        panel.invert_xaxis()


def _draw_limit(panel: Any, curve: Curve) -> None:
    """What the model had before, and how far it may fall."""
    if curve.metric.absolute:
        return
    before = curve.baseline.value
    panel.axhline(before, color=BASE, linewidth=1.0)
    limit = before / (1 + TOLERANCE) if curve.metric.worse == "lower" else before * (1 + TOLERANCE)
    panel.axhline(limit, color=BASE, linewidth=1.0, linestyle=":")


def _level(measure: str, level: float) -> str:
    return f"{measure} {level:g}" if measure != "bits" else f"{level:g} bits"


_WORDS = (
    "Each perturbation was applied at levels from mild to strong to one copy of the model. A threshold is the level at "
    "which the metric first is worse than tolerated, linear in its logarithm between levels. A transition is claimed "
    "only where a law with a kink explains the curve better than a smooth one and the place of the kink is known."
)
_CAPTION = "Metrics against levels, mild to strong from left to right; bands are intervals, dotted lines the tolerance."
