"""Figures of the experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from haar.report.drawing import (
    AVERAGED,
    BASE,
    COLOURS,
    INK,
    WARNING,
    draw_bars,
    draw_curves,
    log_scale,
    new_figure,
    style_axes,
)
from haar.statistics import spread

Measures = Sequence[Mapping[str, Any]]


def _colour(kind: str) -> str:
    return AVERAGED if kind == "sign_eq" else "#e08a1e" if kind.startswith("signnet") else BASE


def _bars(axes: Axes, values: Mapping[str, Sequence[float]], labels: Mapping[str, str], *, chance: float) -> None:
    """Medians as bars that begin at chance, seeds as dots."""
    names = [labels[kind] for kind in values]
    for word in (",", "of", "sign", "constant", "paper's"):
        names = [name.replace(f"{word} ", f"{word}\n") for name in names]
    draw_bars(axes, names, {"": list(values.values())}, [[_colour(kind) for kind in values]], bottom=chance)
    axes.tick_params(axis="x", labelsize=7.5 if len(values) < 5 else 6.5)


def _lines(axes: Axes, values: Mapping[str, float], right: float) -> None:
    """Dashed lines with their names at the right."""
    for number, (name, value) in enumerate(sorted(values.items(), key=lambda item: item[1])):
        axes.axhline(value, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), alpha=0.6)
        above = number % 2 == 1
        axes.text(
            right, value, f" {name} {value:.2f}", fontsize=7, va="bottom" if above else "top", ha="left", color=INK
        )


def draw_bars_of(measures: Measures, labels: Mapping[str, str], what: str, *, y: str, chance: float) -> Figure:
    """One bar a network, above what chance gives, and lines for what needs no training."""
    networks = {kind: [float(m["networks"][kind][what]) for m in measures] for kind in measures[0]["networks"]}
    untrained = {name: spread(m["untrained"][name] for m in measures).value for name in measures[0]["untrained"]}
    figure = new_figure(max(5.2, 1.15 * len(networks) + 2.0), 3.2)
    axes = style_axes(figure.add_subplot(), y=y)
    _bars(axes, networks, labels, chance=chance)
    _lines(axes, untrained, len(networks) - 0.6)
    axes.axhline(chance, color=WARNING, linewidth=0.9)
    axes.set_ylim(max(0.0, chance - 0.06))
    axes.set_xlim(-0.5, len(networks) + 0.9)
    return figure


def draw_links(measures: Measures, labels: Mapping[str, str]) -> Figure:
    """A panel for every graph and scaling."""
    words = {"unit": "unit eigenvectors", "sqrt_n": "times sqrt(n)"}
    graphs = list(measures[0])
    panels = [(graph, scale) for graph in graphs for scale in words if scale in measures[0][graph]]
    sizes = [max(2, len(measures[0][graph][scale])) + 1.4 for graph, scale in panels]
    figure = new_figure(min(13.5, 0.85 * sum(sizes) + 1), 3.3)
    places = figure.subplots(1, len(panels), squeeze=False, sharey=True, width_ratios=sizes)[0]
    highest = 0.5
    for place, (graph, scale) in zip(places, panels, strict=True):
        style_axes(place, title=f"{graph}, {words[scale]}", y="AUC" if place is places[0] else "")
        kinds = measures[0][graph][scale]
        areas = {kind: [float(m[graph][scale][kind]["auc"]) for m in measures] for kind in kinds}
        _bars(place, areas, labels, chance=0.5)
        names = {"same copy (oracle)": "oracle", "Fiedler product": "Fiedler"}
        found = {
            short: spread(m[graph]["untrained"]["auc"][name] for m in measures).value for name, short in names.items()
        }
        _lines(place, found, len(kinds) - 0.6)
        place.axhline(0.5, color=WARNING, linewidth=0.9)
        highest = max(highest, *found.values(), *(max(values) for values in areas.values()))
        place.set_xlim(-0.5, len(kinds) + 0.6)
    places[0].set_ylim(0.44, highest + 0.02)  # shared by all panels
    return figure


def draw_particles(measures: Measures, labels: Mapping[str, str]) -> Figure:
    """Error and cost against dimension."""
    figure = new_figure(10.5, 3.8)
    left, right = figure.subplots(1, 2)
    colours = dict(
        zip(
            labels,
            ("#5f6b7a", "#2b323b", "#b3478f", *COLOURS[2:4], "#e08a1e", "#16889c", AVERAGED, "#12357a"),
            strict=True,
        )
    )
    words = {labels[kind]: colour for kind, colour in colours.items()}
    _draw_errors(left, measures, labels, words)
    style_axes(right, title="one training step", x="dimension", y="processor seconds")
    costs = measures[0]["costs"]
    seconds = {
        labels[kind]: [[m["costs"][d][kind] for m in measures] for d in costs] for kind in ("none", "sign", "average")
    }
    draw_curves(right, list(map(int, costs)), seconds, words, spread="dots")
    for place in (left, right):
        log_scale(place, plain=True)
    right.legend(fontsize=7, frameon=False)
    return figure


def _draw_errors(axes: Axes, measures: Measures, labels: Mapping[str, str], words: Mapping[str, str]) -> None:
    """Errors of the networks, of what needs no training, and of the task's own noise."""
    style_axes(axes, title="error", x="dimension", y="MSE")
    dims = measures[0]["dimensions"]
    kinds = list(dict.fromkeys(kind for found in dims.values() for kind in found["networks"]))
    errors = {
        labels[kind]: [
            [m["dimensions"][d]["networks"][kind]["mse"] for m in measures] if kind in found["networks"] else ()
            for d, found in dims.items()
        ]
        for kind in kinds
    }
    draw_curves(axes, list(map(int, dims)), errors, words, spread="dots")
    for name, dashes in (("linear", (0, (4, 3))), ("static", (0, (1, 2)))):
        values = [spread(m["dimensions"][d]["untrained"][name] for m in measures).value for d in dims]
        axes.plot([int(d) for d in dims], values, color=BASE, linestyle=dashes, linewidth=1, label=name)
    floor = measures[0]["floor"]["component"]
    if "3" in dims:
        axes.fill_between(
            [2.85, 3.15], floor["low"], floor["high"], color=WARNING, alpha=0.35, linewidth=0, label="floor, d = 3"
        )
    axes.set_xticks([int(d) for d in dims])
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
