"""Pictures of structural functions: fitted curves, errors, the plane, and the four ways of taking a turn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from haar.report.drawing import AVERAGED as BLUE
from haar.report.drawing import BASE, INK, WARNING, draw_bars, draw_curves, log_scale, new_figure, style_axes
from haar.systems.structural_equations.line import AVERAGED, CHOSEN, LAST, REGRESSION
from haar.systems.structural_equations.plane import (
    BOTH,
    CONSTANT,
    INVARIANT,
    INVARIANT_REGRESSION,
    PLAIN,
)
from haar.systems.structural_equations.plane import REGRESSION as PLAIN_REGRESSION

Measures = Sequence[Mapping[str, Any]]
TITLES = {"abs": "|x|", "step": "1[x ≥ 0]", "sin": "sin x", "x": "x"}
#: How each way is drawn: colour, width, dashes.
_DRAWN = {
    REGRESSION: (WARNING, 1.4, "--"),
    LAST: (BASE, 1.0, "-"),
    CHOSEN: ("#e08a1e", 1.4, "-"),
    AVERAGED: (BLUE, 2.0, "-"),
}
COLUMNS = (CONSTANT, PLAIN, INVARIANT, BOTH, PLAIN_REGRESSION, INVARIANT_REGRESSION)


def draw_curves_of(measures: Measures) -> Figure:
    """The fitted functions of the first data set of the first seed, beside the truth."""
    functions = measures[0]["functions"]
    figure = new_figure(3.2 * len(functions) + 1.6, 3.2)
    panels = figure.subplots(1, len(functions), squeeze=False)[0]
    for axes, (name, one) in zip(panels, functions.items(), strict=True):
        style_axes(axes, title=f"g = {TITLES[name]}", x="x", y="f(x)" if axes is panels[0] else "")
        axes.plot(one["at"], one["truth"], color=INK, linewidth=1.6, label="true")
        for way, (colour, width, line) in _DRAWN.items():
            axes.plot(one["at"], one["curves"][way], color=colour, linewidth=width, linestyle=line, label=way)
        known = [value for value in one["truth"] if math.isfinite(value)]
        if known:
            axes.set_ylim(min(known) - 1.2, max(known) + 1.2)
    panels[-1].legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw_errors(measures: Measures) -> Figure:
    """Errors of every data set, for every function."""
    names = list(measures[0]["functions"])
    figure = new_figure(8.4, 3.2)
    axes = style_axes(figure.subplots(), title="Mean squared error against the truth", y="error")
    series = {
        way: [[error for one in measures for error in one["functions"][name]["errors"][way]] for name in names]
        for way in (AVERAGED, LAST, REGRESSION, CHOSEN)
    }
    colours = [BLUE, BASE, WARNING, "#e08a1e"]
    draw_bars(axes, [TITLES[name] for name in names], series, colours, bottom=_floor(series))
    log_scale(axes, "y")
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _floor(series: Mapping[str, Sequence[Sequence[float]]]) -> float:
    """Where bars on a logarithmic scale begin."""
    errors = (error for groups in series.values() for group in groups for error in group)
    return 0.7 * min((error for error in errors if 0 < error < math.inf), default=1.0)


def draw_plane(measures: Measures) -> Figure:
    """Errors with and without symmetry."""
    sizes = list(measures[0]["plane"])
    figure = new_figure(8.4, 3.2)
    axes = style_axes(
        figure.subplots(), title="g = sin(2 |x|), whose law rotations leave alone", y="mean squared error"
    )
    series = {
        way: [[error for one in measures for error in one["plane"][size]["errors"][way]] for size in sizes]
        for way in COLUMNS
    }
    draw_bars(axes, sizes, series, [BASE, "#16889c", BLUE, "#8e5bd0", WARNING, "#e08a1e"])
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw_bilinear(measures: Measures) -> Figure:
    """The distance from the saddle of x y, in every mode."""
    told = measures[0]["bilinear"]
    figure = new_figure(6.0, 3.2)
    axes = style_axes(figure.subplots(), title="The game x y", x="turn", y="distance from the saddle")
    sizes = told["sizes"]
    turns = list(range(0, len(next(iter(sizes.values()))), 10))
    draw_curves(axes, turns, {mode: [[each[k]] for k in turns] for mode, each in sizes.items()})
    log_scale(axes, "y")
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
