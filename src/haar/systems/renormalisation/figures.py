"""Figures of the reproduction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from haar.report.drawing import (
    COLOURS,
    INK,
    WARNING,
    draw_curves,
    draw_prediction,
    log_scale,
    mark_sizes,
    new_figure,
    share_legend,
    style_axes,
)
from haar.systems.renormalisation.readings import FAR, TESTABLE
from haar.systems.renormalisation.size_sweep import AXES

Measures = Sequence[Mapping[str, Any]]

FAMILY_COLOURS = {
    "free": "#2f6fdf",
    "sum": "#1d7f4e",
    "odd": "#8e5bd0",
    "tied": WARNING,
    "full": "#e08a1e",
    "graph": "#7a8594",
}
ORDER = ("free", "sum", "odd", "tied", "full")
_ROUNDING = 1e-32
_LAWS = {"gauss": "N(0,1), trained on", "exponential": "exponential", "gauss x3": "3 x N(0,1)", "gauss +2": "N(2,1)"}


def draw_errors(measures: Measures) -> Figure:
    """NMSE by family for every activation with one hidden layer that was measured in at least two families."""
    zoo = measures[0]["zoo"]
    shallow: dict[str, list[str]] = {}
    for cell in zoo.values():
        if cell["depth"] == 1:
            shallow.setdefault(cell["activation"], []).append(cell["family"])
    panels = {
        name: [f for f in ORDER if f in families]
        for name, families in shallow.items()
        if len(families) > 1 and name != "linear"
    }
    figure = new_figure(3.3 * max(len(panels), 1), 3.6)
    axes = figure.subplots(1, max(len(panels), 1), squeeze=False)[0]
    for place, (activation, families) in zip(axes, panels.items(), strict=False):
        style_axes(place, title=_title(activation), y="NMSE" if place is axes[0] else "")
        found = {law: [_of_law(measures, "zoo", f"{activation} {f} 1", law) for f in families] for law in _LAWS}
        _draw_families(place, families, found)
    share_legend(figure, axes[:1])
    return figure


def _title(activation: str) -> str:
    return "z + z²/2" if activation == "quadratic" else activation


def _draw_families(place: Axes, families: Sequence[str], found: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Median and quartiles of every family, side by side for every law."""
    for number, (law, values) in enumerate(found.items()):
        low, middle, high = np.array([np.percentile(np.maximum(one, _ROUNDING), [25, 50, 75]) for one in values]).T
        where = np.arange(len(families)) + 0.17 * (number - 1.5)
        bars, colour = np.stack([middle - low, high - middle]), COLOURS[number]
        place.errorbar(where, middle, bars, fmt="o", markersize=5, color=colour, label=_LAWS[law], elinewidth=1.4)
    place.set_yscale("log")
    place.set_xticks(range(len(families)), families)
    place.set_xlim(-0.6, len(families) - 0.4)


def _of_law(measures: Measures, group: str, key: str, law: str) -> np.ndarray:
    """Errors of all networks of a cell on one law."""
    at = list(measures[0][group][key]["laws"]).index(law)
    return np.array([row[at] for one in measures for row in one[group][key]["nmse"]], dtype=float)


def draw_spectrum(measures: Measures) -> Figure:
    """Learned eigenvalues over those of the exact map on the same samples."""
    figure = new_figure(8.2, 3.1)
    axes = style_axes(figure.add_subplot(), y="learned / exact map")
    cells = list(measures[0]["steps"])
    axes.axhline(1.0, color=INK, linewidth=0.9)
    for number, cell in enumerate(cells):
        ratio = np.array(
            [
                [a / b for a, b in zip(row, one["steps"][cell]["spectrum"]["sampled"], strict=True)]
                for one in measures
                for row in one["steps"][cell]["spectrum"]["learned"]
            ]
        )
        low, middle, high = np.percentile(ratio, [25, 50, 75], axis=0)
        where = np.arange(4) + 0.11 * (number - (len(cells) - 1) / 2)
        activation, family = cell.split()
        axes.errorbar(
            where,
            middle,
            np.stack([middle - low, high - middle]),
            fmt="o" if activation == "quadratic" else "s",
            markersize=5,
            color=FAMILY_COLOURS[family],
            markerfacecolor=FAMILY_COLOURS[family] if activation == "quadratic" else "white",
            label=f"{_title(activation)} {family}",
            elinewidth=1.3,
        )
    axes.set_xticks(range(4), [f"λ{n}" for n in range(1, 5)])
    figure.legend(fontsize=8, frameon=False, loc="outside right center")
    return figure


def draw_flow(measures: Measures) -> Figure:
    """Paths in the plane of the third and the fourth cumulant."""
    steps = measures[0]["steps"]
    laws = list(next(iter(steps.values()))["flow"])
    columns = min(len(laws), 2)
    rows = -(-len(laws) // columns)
    figure = new_figure(4.6 * columns, 3.7 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    for place, law in zip(axes.flat, laws, strict=False):
        _draw_flow_from(place, measures, law)
    for place in list(axes.flat)[len(laws) :]:
        place.set_visible(False)
    share_legend(figure, [axes.flat[0]], side="right")
    return figure


def _draw_flow_from(place: Axes, measures: Measures, law: str) -> None:
    style_axes(place, title=f"from {law}", x="third cumulant", y="fourth cumulant")
    steps = measures[0]["steps"]
    exact = np.array(next(iter(steps.values()))["flow"][law]["exact"], dtype=float)
    scale = np.linspace(0.0, 1.0, 200)  # b^(-l/2) as a continuous variable: a parabola
    place.plot(exact[0, 2] * scale, exact[0, 3] * scale**2, color=INK, linewidth=1.0, zorder=1)
    place.plot(exact[:, 2], exact[:, 3], "o", color=INK, markersize=9, markerfacecolor="none", label="exact", zorder=1)
    place.plot(0, 0, "+", color=INK, markersize=13, zorder=1)
    for cell in steps:
        activation, family = cell.split()
        paths = np.array([path for one in measures for path in one["steps"][cell]["flow"][law]["learned"]], dtype=float)
        middle = np.median(paths, axis=0)
        place.plot(
            middle[:, 2],
            middle[:, 3],
            "-o" if activation == "quadratic" else "--s",
            color=FAMILY_COLOURS[family],
            markersize=3.5,
            linewidth=1.0,
            markerfacecolor=FAMILY_COLOURS[family] if activation == "quadratic" else "white",
            label=f"{_title(activation)} {family}",
        )
    place.grid(axis="x", color="#e6e9ef", linewidth=0.8)
    # The neighbourhood of the exact flow: networks that explode leave the frame.
    skew, bend = (float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) for values in exact.T[2:4])
    place.set_xlim(-max(0.5 * skew, 0.75), max(1.15 * skew, 0.75))
    known, bend = exact[np.isfinite(exact[:, 3]), 3], bend or 1.0
    low, high = float(known.min(initial=0.0)), float(known.max(initial=0.0))
    place.set_ylim(low - 0.25 * bend, high + (0.15 if high > 0 else 0.6) * bend)


def draw_predicted(measures: Measures) -> Figure:
    """Predicted against sampled errors of the quadratic networks; rings: laws without an eighth cumulant."""
    figure = new_figure(4.6, 3.8)
    axes = style_axes(figure.add_subplot(), x="predicted from cumulants", y="sampled")
    series: dict[str, tuple[list[float], list[float]]] = {}
    for key, cell in measures[0]["zoo"].items():
        if "predicted" not in cell or cell["activation"] != "quadratic":
            continue
        for one in measures:
            for side, what in enumerate(("predicted", "nmse")):
                for row in one["zoo"][key][what]:
                    for law, value in zip(cell["laws"], row, strict=True):
                        label = cell["family"] if law in TESTABLE else f"_{cell['family']}"  # which no legend shows
                        series.setdefault(label, ([], []))[side].append(value)
    colours = {label: FAMILY_COLOURS[label.removeprefix("_")] for label in series}
    draw_prediction(axes, series, colours, floor=_ROUNDING, hollow={one for one in series if one[0] == "_"})
    axes.legend(fontsize=8, frameon=False)
    return figure


def draw_breaking(measures: Measures) -> Figure:
    """Breaking distance and loss over the training."""
    figure = new_figure(9, 3.4)
    left, right = figure.subplots(1, 2)
    style_axes(left, title="breaking distance Δ", x="step")
    style_axes(right, title="mean squared error", x="step")
    for number, (name, one) in enumerate(measures[0]["breaking"].items()):
        for place, what, floor in ((left, "distance", 1e-9), (right, "losses", 1e-16)):
            curves = np.concatenate([np.array(seed["breaking"][name][what], dtype=float) for seed in measures], axis=1)
            shown = {one["title"]: list(np.maximum(curves, floor))}
            draw_curves(place, one["steps"], shown, COLOURS[number:], style="-", spread="quartiles", width=1.5)
            log_scale(place)
    share_legend(figure, [left], columns=3)
    return figure


def draw_sizes(measures: Measures) -> Figure:
    """Errors against every size that is swept: median and quartiles over networks."""
    series = size_series(measures)
    varied = [axis for axis in AXES if any(along == axis for _, along, *_ in series)]
    figure = new_figure(max(3 * len(varied), 5), 3.2)
    places = figure.subplots(1, len(varied), sharey=True, squeeze=False)[0]
    for place, axis in zip(places, varied, strict=True):
        style_axes(place, x=AXES[axis], y="NMSE on 3 x N(0,1)" if place is places[0] else "")
        found = {(name, value): errors for name, along, value, errors, _ in series if along == axis}
        ticks = sorted({value for _, value in found})
        curves = {
            name: [np.maximum(found.get((name, tick), ()), _ROUNDING) for tick in ticks]
            for name in dict.fromkeys(name for name, _ in found)
        }
        colours = {name: FAMILY_COLOURS[name.split()[-1]] for name in curves}
        draw_curves(place, ticks, curves, colours, spread="quartiles")
        log_scale(place)
        mark_sizes(place, ticks)
    share_legend(figure, list(places))
    return figure


def size_series(measures: Measures) -> list[tuple[str, str, int, np.ndarray, int]]:
    """(network, axis, size, errors of all networks, dead ones).

    The centre of the sweep is a cell of the zoo and stands on every axis along which something was varied.
    """
    cells = measures[0].get("sweep", {})
    found = []
    for key, cell in cells.items():
        name, sizes, centre = f"{cell['activation']} {cell['family']}", cell["sizes"], cell["centre"]
        (axis,) = (axis for axis in AXES if sizes[axis] != centre[axis])
        found.append((name, axis, sizes[axis], *_sized(measures, "sweep", key)))
    swept = dict.fromkeys((name, axis) for name, axis, *_ in found)
    centre = next(iter(cells.values()))["centre"] if cells else {}
    found += [(name, axis, centre[axis], *_sized(measures, "zoo", f"{name} 1")) for name, axis in swept]
    return sorted(found, key=lambda one: (list(AXES).index(one[1]), one[2]))


def _sized(measures: Measures, group: str, key: str) -> tuple[np.ndarray, int]:
    """Errors of all networks of a cell on `FAR`, and how many of them are dead."""
    errors = _of_law(measures, group, key, FAR)
    dead = sum(bool(flag) for one in measures for flag in one[group][key]["dead"])
    return np.where(np.isfinite(errors), errors, np.inf), dead


def draw_whole_steps(measures: Measures) -> Figure:
    """NMSE of whole steps by family, one panel an activation."""
    panels: dict[str, dict[str, str]] = {}
    for key, cell in measures[0]["whole_steps"].items():
        panels.setdefault(cell["activation"], {})[cell["family"]] = key
    figure = new_figure(max(3.6 * len(panels), 5.2), 3.4)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for place, (activation, families) in zip(axes, panels.items(), strict=True):
        style_axes(place, title=_title(activation), y="NMSE" if place is axes[0] else "")
        found = {law: [_of_law(measures, "whole_steps", key, law) for key in families.values()] for law in _LAWS}
        _draw_families(place, list(families), found)
    share_legend(figure, axes[:1])
    return figure
