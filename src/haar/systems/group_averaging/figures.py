"""Figures of the experiment: gains by model and group, and the shear flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from haar.report.drawing import AVERAGED, BASE, WARNING, draw_bars, new_figure, style_axes

Measures = Mapping[str, Any]


def middle(measures: Sequence[Measures], *path: str) -> float:
    """Median over seeds of a measure; NaN if it is missing or not finite in one."""
    found: list[float] = []
    for each in measures:
        value: Any = each
        for key in path:
            value = value.get(key, np.nan) if isinstance(value, Mapping) else np.nan
        found.append(value)
    return float(np.median(found))


def draw_gains(measures: Sequence[Measures]) -> Figure:
    """Change of the one-step VRMSE by averaging, for every model and group."""
    names = list(measures[0]["runs"])
    figure = new_figure(11, 3.4)
    axes = style_axes(figure.add_subplot(), title="one-step VRMSE against the model's own", y="change")
    series = {}
    for group in ("C2", "C4", "D4", "shifts", "D4 shifts"):
        values = []
        for name in names:
            base, after = (middle(measures, "runs", name, "vrmse", which) for which in ("none", group))
            values.append(after / base - 1)
        series[group] = values
    draw_bars(axes, [name.replace("-", "\n") for name in names], series)
    axes.axhline(0, color=BASE, linewidth=0.8)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    axes.legend(fontsize=8, frameon=False, ncols=5)
    return figure


def draw_trap(measures: Sequence[Measures]) -> Figure:
    """One-step VRMSE on the shear flow; harm is marked."""
    figure = new_figure(6.5, 3.0)
    axes = style_axes(figure.add_subplot(), y="VRMSE")
    shown = {group: middle(measures, "trap", "vrmse", group) for group in measures[0]["trap"]["vrmse"]}
    base = shown["none"]
    colours = [BASE if g == "none" else WARNING if v > 1.02 * base else AVERAGED for g, v in shown.items()]
    draw_bars(
        axes, ["the model" if group == "none" else group for group in shown], {"": list(shown.values())}, [colours]
    )
    for place, value in enumerate(shown.values()):
        if np.isfinite(value):
            axes.text(place, value, f"{value:.3g}", ha="center", va="bottom", fontsize=8)
    return figure
