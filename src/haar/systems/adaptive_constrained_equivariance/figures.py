"""Figures of the experiment: errors of all rules, what gammas say, the score tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from haar.report.drawing import AVERAGED, BASE, COLOURS, WARNING, draw_curves, new_figure, share_legend, style_axes
from haar.systems.adaptive_constrained_equivariance.cells import LEVEL, largest

Cells = Mapping[str, Mapping[str, Any]]

_SHOWN = {
    "strict": BASE,
    "free": WARNING,
    "equality": "#1d7f4e",
    "resilient": AVERAGED,
    "ridge": "#8e5bd0",
    "residual pathway": "#c98a1b",
    "linear model": "#6b4f3a",
}


def draw_errors(cells: Cells) -> Figure:
    """Error against beta, one panel a size of the training set; against that size if there is one beta."""
    sizes = sorted({cell["samples"] for cell in cells.values()})
    by_size = len({cell["beta"] for cell in cells.values()}) == 1
    panels = {"": list(cells.values())}
    if not by_size:
        panels = {f"{n} samples": [cell for cell in cells.values() if cell["samples"] == n] for n in sizes}
    figure = new_figure(3.4 * len(panels) + 1.2, 3.4)
    drawn = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, here) in zip(drawn, panels.items(), strict=True):
        style_axes(
            axes,
            title=title,
            x="training samples" if by_size else "break of the symmetry, beta",
            y="test error" if axes is drawn[0] else "",
        )
        for number, (rule, colour) in enumerate(_SHOWN.items()):
            _draw_rule(axes, here, rule, 0.012 * (number - 2), by_size=by_size, color=colour)
        axes.set_yscale("log")
        if by_size:
            axes.set_xscale("log")
            axes.set_xticks(sizes, [str(size) for size in sizes])
            axes.minorticks_off()
    share_legend(figure, drawn[:1], columns=3)
    return figure


def _draw_rule(
    axes: Axes, cells: Sequence[Mapping[str, Any]], rule: str, shift: float, *, by_size: bool, color: str
) -> None:
    """The errors of one rule's networks: their median, least and greatest; dead networks stay out."""
    at, errors = [], []
    for cell in cells:
        known = [one["error"] for one in cell["rules"].get(rule, []) if math.isfinite(one["error"])]
        if known:
            at.append(cell["samples"] * (1 + 2 * shift) if by_size else cell["beta"] + shift)
            errors.append(known)
    if at:
        draw_curves(axes, at, {rule: errors}, (color,), spread="bars")


def draw_asymmetry(cells: Cells) -> Figure:
    """Largest gamma and equivariance error of the resilient models against beta."""
    figure = new_figure(7.6, 3)
    left, right = figure.subplots(1, 2)
    style_axes(left, x="beta", y="largest |gamma|")
    style_axes(right, x="beta", y="equivariance error")
    sizes = sorted({cell["samples"] for cell in cells.values()})
    for number, size in enumerate(sizes):
        here = [cell for cell in cells.values() if cell["samples"] == size and "resilient" in cell["rules"]]
        for axes, of in ((left, largest), (right, _defect)):
            shift = 0.015 * (number - (len(sizes) - 1) / 2)
            values = [[of(one) for one in cell["rules"]["resilient"]] for cell in here]
            at, label = [cell["beta"] + shift for cell in here], f"{size} samples"
            draw_curves(axes, at, {label: values}, COLOURS[number:], style="-", spread="dots")
    left.legend(frameon=False, fontsize=8)
    return figure


def _defect(one: Mapping[str, Any]) -> float:
    return float(one["defect"])


def draw_scores(scores: Sequence[Mapping[str, Any]]) -> Figure:
    """p-values of the largest group against beta."""
    figure = new_figure(5.6, 3)
    axes = style_axes(figure.subplots(), x="break of the symmetry, beta", y="p")
    group = list(scores[0]["p"])[-1]
    sizes = sorted({score["samples"] for score in scores})
    for number, size in enumerate(sizes):
        here = [score for score in scores if score["samples"] == size]
        shift = 0.02 * (number - (len(sizes) - 1) / 2)
        axes.plot(
            [score["beta"] + shift for score in here],
            [score["p"][group] for score in here],
            "o",
            ms=4,
            alpha=0.6,
            color=COLOURS[number],
            label=f"{size} samples",
        )
    axes.axhline(LEVEL, color=WARNING, linestyle="--", linewidth=1)
    axes.set_yscale("log")
    axes.legend(frameon=False, fontsize=8)
    return figure
