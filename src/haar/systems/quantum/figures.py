"""Figures of the reproduction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from haar.report.drawing import INK, draw_bars, draw_curves, log_scale, new_figure, style_axes
from haar.statistics import spread
from haar.systems.quantum.claims import NAMES, cells, models, tables

Measures = Sequence[Mapping[str, Any]]

COLOURS = {
    "NonSym": "#c23b3b",
    "MLP": "#e08a1e",
    "RotOnly": "#8e5bd0",
    "RotPerm": "#2f6fdf",
    "RotOnly = RotPerm": "#2f6fdf",
    "Graph": "#1d7f4e",
    "Classical": "#5f6b7a",
    "Classical, long": "#2b3340",
    "Mean": "#a9b1bc",
    "Le et al.": "#b3478f",
    "RotPerm, parity": "#7aa5ee",
    "RotPerm, radial": "#17408f",
    "RotPerm, deep": "#0f9fb5",
}


def draw_errors(measures: Measures) -> Figure:
    """Test error against parameters, a panel a table."""
    names = tables(measures)
    figure = new_figure(4.4 * len(names), 3.6)
    for place, table in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        molecule, count = table.split()
        style_axes(place, title=f"{NAMES[molecule]}, {count} points", x="parameters", y="test RMSE (mHa)")
        for model in models(measures, table):
            found = cells(measures, table, model)
            errors = [row["test"]["rmse"] for row in found]
            at = found[0]["parameters"]
            place.plot([at] * len(errors), errors, "o", color=COLOURS[model], markersize=7, alpha=0.8)
            place.annotate(
                model,
                (at, spread(errors).value),
                xytext=(8, 0),
                textcoords="offset points",
                fontsize=8,
                va="center",
                color=INK,
            )
        log_scale(place, "xy", plain=True)
        low, high = place.get_xlim()
        place.set_xlim(low * 0.8, high * 3.5)
    return figure


def draw_surfaces(measures: Measures) -> Figure:
    """Energies along the stretch and the inversion, relative to the lowest reference energy."""
    names = [table for table in tables(measures) if table.split()[0] in ("lih", "nh3")]
    first = {table.split()[0]: table for table in reversed(names)}
    figure = new_figure(4.8 * len(first), 3.9)
    labels = {"lih": "bond length (Angstrom)", "nh3": "umbrella angle (degrees)"}
    handles: dict[str, Any] = {}
    for place, name in zip(figure.subplots(1, len(first), squeeze=False)[0], sorted(first), strict=True):
        reference = measures[0]["surfaces"][name]
        energy = np.array(reference["energy"])
        zero = energy.min()
        style_axes(place, title=NAMES[name], x=labels[name], y="energy (mHa)" if name == "lih" else "")
        for model in models(measures, first[name]):
            drawn = [row for row in cells(measures, first[name], model) if row.get("curve") is not None]
            if drawn:
                # one model's curve, the one of median error: a median of curves is no model's
                typical = sorted(drawn, key=lambda row: float(row["test"]["rmse"]))[(len(drawn) - 1) // 2]
                energies = 1e3 * (np.array(typical["curve"], dtype=float) - zero)
                (line,) = place.plot(reference["at"], energies, color=COLOURS[model], linewidth=1.4)
                handles.setdefault(model, line)
        (line,) = place.plot(reference["at"], 1e3 * (energy - zero), "--", color=INK, linewidth=1.6)
        handles.setdefault("reference", line)
        span = 1e3 * (energy.max() - zero)
        if np.isfinite(span):
            place.set_ylim(-0.4 * span, 1.6 * span)
    last = handles.pop("reference")
    handles["reference"] = last
    figure.legend(handles.values(), handles.keys(), fontsize=8, frameon=False, loc="outside right center")
    return figure


def draw_frames(measures: Measures) -> Figure:
    """Bars in the training frame and in random frames."""
    names = list(measures[0]["frames"])
    figure = new_figure(5.4, 3.2)
    axes = style_axes(figure.add_subplot(), y="test RMSE (mHa)")
    words = {"canonical": "same frame", "moved": "turned and relabelled"}
    series = {
        label: [[one["frames"][name][what]["rmse"] for one in measures] for name in names]
        for what, label in words.items()
    }
    draw_bars(axes, names, series, ("#9db8e8", "#c23b3b"))
    log_scale(axes, plain=True)
    axes.legend(fontsize=8, frameon=False)
    return figure


def draw_trainability(measures: Measures) -> Figure:
    """Variance of a derivative against the number of qubits."""
    figure = new_figure(4.6, 3.2)
    axes = style_axes(figure.add_subplot(), x="qubits", y="variance of a derivative")
    found = [one["trainability"]["all"] for one in measures]
    qubits = found[0]["qubits"]
    families = {
        name: [[fmean(one[name][k]) for one in found] for k in range(len(qubits))] for name in ("symmetric", "free")
    }
    draw_curves(axes, qubits, families, ("#1d7f4e", "#c23b3b"))
    log_scale(axes)
    axes.set_xticks(qubits)
    axes.legend(fontsize=8, frameon=False)
    return figure
