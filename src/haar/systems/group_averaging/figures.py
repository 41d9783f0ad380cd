"""Figures of the experiment: gains by model and group, rollouts with their spectra, and the shear flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from haar.report.drawing import AVERAGED, BASE, WARNING, draw_bars, new_figure, style_axes
from haar.systems.group_averaging.comparisons import FORECASTS

Measures = Mapping[str, Any]
#: Below this share of the truth's mean square gradient a rollout is called blurred, above its inverse rough.
BLURRED = 0.8
_COLOURS = {"truth": "black", "plain": BASE, "persistence": "lightgrey"}


def middle(measures: Sequence[Measures], *path: str) -> float:
    """Median over seeds of a measure; NaN if it is missing or not finite in one."""
    return float(np.median([_number(each, path) for each in measures]))


def pooled(measures: Sequence[Measures], *path: str) -> float:
    """Median over seeds of the pooled VRMSE of a seed's runs."""
    return float(np.median([np.sqrt(np.mean(np.square(_runs(each, path)))) for each in measures]))


def typical(measures: Sequence[Measures], *path: str) -> float:
    """Median over the runs of all seeds."""
    return float(np.median(np.concatenate([_runs(each, path) for each in measures])))


def draw_gains(measures: Sequence[Measures]) -> Figure:
    """Change of the one-step VRMSE by averaging, for every model and group."""
    names = list(measures[0]["runs"])
    figure = new_figure(11, 3.4)
    axes = style_axes(figure.add_subplot(), title="one-step VRMSE against the model's own", y="change")
    series = {}
    for group in ("C2", "C4", "D4", "shifts", "D4 shifts"):
        values = []
        for name in names:
            base, after = (pooled(measures, "runs", name, "vrmse", which) for which in ("none", group))
            values.append(after / base - 1)
        series[group] = values
    draw_bars(axes, [name.replace("-", "\n") for name in names], series)
    axes.axhline(0, color=BASE, linewidth=0.8)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    axes.legend(fontsize=8, frameon=False, ncols=5)
    return figure


def draw_spectra(measures: Sequence[Measures]) -> Figure:
    """Energy spectra of the first field of rollouts over the last window, in the first seed; blur is marked."""
    models = measures[0]["runs"]
    columns = min(len(models), 4)
    rows = -(-len(models) // columns)
    figure = new_figure(3.2 * columns, 2.9 * rows)
    for place, (name, run) in enumerate(models.items(), start=1):
        axes = style_axes(
            figure.add_subplot(rows, columns, place),
            title=name,
            x="wave number",
            y="energy" if place % columns == 1 else "",
        )
        window = list(run["rollout"]["plain"])[-1]
        truth = np.asarray(run["spectrum"]["truth"], dtype=float)
        shown = np.flatnonzero(truth[1:] > 1e-8 * truth[1:].max()) + 1
        for mode, energy in run["spectrum"].items():
            share = 1.0 if mode == "truth" else typical(measures[:1], "runs", name, "detail", mode, window)
            word = " (blurred)" if share < BLURRED else " (rough)" if share > 1 / BLURRED else ""
            axes.plot(
                shown,
                np.asarray(energy, dtype=float)[shown],
                label=mode + word,
                color=_COLOURS.get(mode),
                linestyle="--" if word == " (blurred)" else "-",
                linewidth=1.8 if mode == "truth" else 1.1,
            )
        axes.set_yscale("log")
        axes.legend(fontsize=6.5, frameon=False)
    return figure


def draw_trap(measures: Sequence[Measures]) -> Figure:
    """One-step VRMSE on the shear flow, by group and by single element; harm is marked."""
    figure = new_figure(11, 3.2)
    base = pooled(measures, "trap", "vrmse", "none")
    titles = {"vrmse": "averaged over a group", "elements": "over one element and the identity"}
    for place, (part, title) in enumerate(titles.items(), start=1):
        axes = style_axes(figure.add_subplot(1, 2, place), title=title, y="VRMSE" if place == 1 else "")
        shown = {name: pooled(measures, "trap", part, name) for name in measures[0]["trap"][part]}
        colours = [
            BASE if name in ("none", *FORECASTS) else WARNING if error > 1.02 * base else AVERAGED
            for name, error in shown.items()
        ]
        labels = ["the model" if name == "none" else name for name in shown]
        draw_bars(axes, labels, {"": list(shown.values())}, [colours], slanted=place == 1)
        axes.axhline(base, color=BASE, linewidth=0.8)
        for at, error in enumerate(shown.values()):
            if np.isfinite(error):
                axes.text(at, error, f"{error:.3g}", ha="center", va="bottom", fontsize=7)
    return figure


def _at(measures: Measures, path: Sequence[str]) -> Any:
    found: Any = measures
    for key in path:
        found = found.get(key, np.nan) if isinstance(found, Mapping) else np.nan
    return found


def _number(measures: Measures, path: Sequence[str]) -> float:
    return float(_at(measures, path))


def _runs(measures: Measures, path: Sequence[str]) -> np.ndarray:
    return np.atleast_1d(np.asarray(_at(measures, path), dtype=float))
