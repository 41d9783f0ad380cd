"""Tables and figures of the measures: errors, what is exact, cycles, axes, the plate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from haar.report import Section, Table
from haar.report.drawing import COLOURS, draw_curves, log_scale, mark_sizes, new_figure, share_legend, style_axes
from haar.report.table import Cell
from haar.statistics import spread
from haar.systems.constitutive.elastic import classes, draw_patterns

Measures = Sequence[Mapping[str, Any]]
KINDS = ("neo-Hookean", "lattice", "hexagon", "plastic", "zener", "orientations")


def told(measures: Measures) -> list[Section]:
    """All sections."""
    return [
        Section("Learning from few data", _LEARNING, errors_table(measures), draw_errors(measures), _CAPTION),
        Section("Cycles, axes, dissipation", _READINGS, readings_table(measures)),
        Section("A plate with a hole", _PLATE, plate_table(measures), draw_newton(measures), _NEWTON),
        Section("Crystal classes", _CLASSES, classes(), draw_patterns(), _PATTERNS),
    ]


def errors_table(measures: Measures) -> Table:
    """One row a material, number of samples and network."""
    rows: list[list[Cell]] = []
    for kind in KINDS:
        for count, networks in measures[0][kind].items():
            for name, one in networks.items():
                error = spread(m[kind][count][name]["error"] for m in measures)
                defect = spread(m[kind][count][name]["defect"] for m in measures).high
                ends = f"{error.low:.3g} … {error.high:.3g}"
                rows.append([kind, int(count), name, one["parameters"], error.value, ends, f"{defect:.0e}"])
    columns = ("material", "samples", "law", "parameters", "error", "spread", "defect")
    return Table("Errors on fresh samples", columns, rows, "squared error over the stress's mean square; over seeds")


def draw_errors(measures: Measures) -> Figure:
    """Errors of every material: against the number of samples, or as bars where there is one number."""
    figure = new_figure(11, 8.5)
    for kind, axes in zip(KINDS, figure.subplots(2, 3).flat, strict=True):
        cells = measures[0][kind]
        names = list(next(iter(cells.values())))
        if len(cells) > 1:
            style_axes(axes, title=kind, x="training samples", y="squared error")
            curves = {name: [[m[kind][count][name]["error"] for m in measures] for count in cells] for name in names}
            draw_curves(axes, [int(count) for count in cells], curves)
            log_scale(axes)
            mark_sizes(axes, [int(count) for count in cells])
            share_legend(figure, [axes], columns=2)
            continue
        heights = [spread(m[kind][next(iter(cells))][name]["error"] for m in measures).value for name in names]
        style_axes(axes, title=kind, x="squared error")
        for row, (name, height) in enumerate(zip(names[::-1], heights[::-1], strict=True)):
            each = [m[kind][next(iter(cells))][name]["error"] for m in measures]
            axes.plot(each, [row] * len(each), "|", color=COLOURS[0], markersize=7)
            axes.plot([height], [row], "o", color=COLOURS[0], markersize=5)
        axes.set_yticks(range(len(names)), names[::-1])
        axes.set_xscale("log")
        axes.tick_params(labelsize=7)
    return figure


def readings_table(measures: Measures) -> Table:
    """One row a reading."""
    rows: list[list[Cell]] = []

    def row(name: str, read: Any) -> None:
        found = spread(value for m in measures for value in read(m["readings"]))
        rows.append([name, found.value, f"{found.low:.3g} … {found.high:.3g}"])

    for name in measures[0]["readings"]["cycles"]:
        row(f"work of closed cycles: {name}", lambda m, name=name: m["cycles"][name])
    for name in measures[0]["readings"]["dissipation"]:
        row(f"least dissipation: {name}, untrained", lambda m, name=name: [m["dissipation"][name]])
    row("learned axes, degrees off", lambda m: [m["axes"]["degrees"]])
    row("averaged at test time over plain, on orbits", lambda m: [m["orbits"]["averaged"] / m["orbits"]["plain"]])
    return Table("Readings", ("what", "median", "spread"), rows, "work: over what goes through along the cycle")


def plate_table(measures: Measures) -> Table:
    """One row a law."""
    rows: list[list[Cell]] = []
    for name in ("own law", "learned law"):
        each = [m["readings"]["plate"][name] for m in measures]
        reaction = spread(one["reaction"] for one in each)
        order = spread(one["order"] for one in each)
        rows.append([name, reaction.value, ", ".join(map(str, each[0]["steps"])), order.value])
    away = spread(m["readings"]["plate"]["displacement error"] for m in measures)
    note = f"displacements differ by {away.value:.2g} of the largest (up to {away.high:.2g})"
    return Table("Plate with a hole, plane strain", ("law", "reaction", "Newton's steps", "order"), rows, note)


def draw_newton(measures: Measures) -> Figure:
    """Residuals of Newton's method, step by step, of both laws."""
    figure = new_figure(6.4, 3.4)
    axes = style_axes(figure.subplots(), x="correction", y="residual over the first one")
    log_scale(axes, "y")
    for colour, name in zip(COLOURS, ("own law", "learned law"), strict=False):
        for k, residuals in enumerate(measures[0]["readings"]["plate"][name]["residuals"]):
            style = "-" if name == "own law" else "--"
            axes.plot(
                range(len(residuals)),
                residuals,
                style,
                color=colour,
                marker="o",
                markersize=3,
                label=None if k else name,
            )
    axes.legend(fontsize=8, frameon=False)
    return figure


_LEARNING = (
    "Every law learns from the same samples, at the best of the same rates. Where the simpler method wins: an energy "
    "of invariant polynomials, begun with its least-squares part, is below the tensor network on every elastic "
    "material; averaging a plain network over the group in training is a strong competitor and cheaper than tensor "
    "features; on the hexagon tensor features alone cannot tell six-fold symmetry from isotropy, which no data mend."
)
_CAPTION = "Squared errors on fresh samples, medians over seeds (dots) and every seed (bars)."
_READINGS = (
    "Laws with an energy do no work in a closed cycle; networks from strain to stress do. Standard materials and "
    "sliding elements dissipate on every path, trained or not."
)
_PLATE = (
    "A quarter of a plate with a hole of a cubic crystal is pulled by 6 % at once, in plane strain, with the "
    "crystal's own law and with one learned from 200 states; tangents are consistent."
)
_NEWTON = (
    "Residuals of Newton's method: digits double with every correction. Solid: the crystal's own law; dashed: learned."
)
_CLASSES = "Maps that commute and elastic constants, solved for every class; second and third order are the textbook's."
_PATTERNS = "Voigt's matrices: entries of one colour are one number (a dot: with the other sign), white ones zero."
