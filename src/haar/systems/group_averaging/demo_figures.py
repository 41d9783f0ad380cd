"""Pictures of the demonstration: fields with their errors, and errors by group and by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from haar.report.drawing import AVERAGED, BASE, COLOURS, INK, draw_bars, draw_curves, draw_field, new_figure, style_axes
from haar.systems.group_averaging.demo_story import Finding

_MAPS = ("viridis", "cividis", "magma")
_LABEL: dict[str, Any] = {"color": "white", "fontsize": 8, "fontweight": "bold"}


def shown_step(f: Finding) -> int:
    """The last predicted step before the model's own VRMSE passes 0.7: late enough to see, early enough to compare."""
    errors = f.rollouts["none"].curve("vrmse")
    return next((k for k, error in enumerate(errors) if not error <= 0.7), len(errors)) or 1


def draw_fields(f: Finding) -> Figure:
    """Truth, predictions and errors before and after, one row a field, at `shown_step` of the rollout."""
    step = shown_step(f)
    fields = f.layout.output().slices()
    figure = new_figure(11.5, 2.1 * len(fields) + 0.25)
    grid = figure.subplots(len(fields), 5, squeeze=False)
    for row, (name, channels) in enumerate(fields.items()):
        truth, base, averaged = (part[step - 1, channels] for part in (f.truth, f.base, f.averaged))
        shown = [_magnitude(part) for part in (truth, base, averaged)]
        limits = (float(shown[0].min()), float(shown[0].max()))
        errors = [_magnitude(part - truth, sign=False) for part in (base, averaged)]
        top = float(np.quantile(errors[0], 0.995)) or 1.0
        for axes, values in zip(grid[row, :3], shown, strict=True):
            image = draw_field(axes, values, limits=limits, map_name=_MAPS[row % len(_MAPS)])
        _colour_bar(figure, image, grid[row, 2])
        for axes, values in zip(grid[row, 3:], errors, strict=True):
            image = draw_field(axes, values, limits=(0.0, top), map_name="inferno")
            axes.text(0.03, 0.04, f"rms {np.sqrt(np.mean(values**2)):.3g}", transform=axes.transAxes, **_LABEL)
        _colour_bar(figure, image, grid[row, 4])
        vector = channels.stop - channels.start > 1
        grid[row, 0].set_ylabel(f"|{name}|" if vector else name, fontsize=10)
    titles = ("truth", "the model", "averaged over D4", "error of the model", "error, averaged")
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=9, loc="left", color=INK)
    return figure


def _colour_bar(figure: Figure, image: AxesImage, axes: Axes) -> None:
    bar = figure.colorbar(image, ax=axes, shrink=0.85, pad=0.03, aspect=16)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)  # type: ignore[operator]


def draw_errors(f: Finding) -> Figure:
    """Bars by group for one step, and curves over the steps of the rollout."""
    figure = new_figure(10.5, 3.3)
    bars, curves = figure.subplots(1, 2, width_ratios=(1.15, 1.0))
    _bars(bars, f)
    style_axes(curves, title="fed with its own predictions", x="predicted step", y="VRMSE")
    colours = {"none": BASE, "C2": COLOURS[1], "C4": COLOURS[2], "D4": AVERAGED}
    labels = {name: "the model" if name == "none" else f"averaged over {name}" for name in colours}
    errors = {label: f.rollouts[name].curve("vrmse") for name, label in labels.items()}
    draw_curves(curves, range(1, 1 + len(errors["the model"])), errors, list(colours.values()))
    curves.set_ylim(bottom=0)
    curves.legend(fontsize=8, frameon=False)
    return figure


def _bars(axes: Axes, f: Finding) -> None:
    style_axes(axes, title="one step ahead", y="VRMSE")
    names = list(f.one_step)
    values = [f.one_step[name].value("vrmse") for name in names]
    draw_bars(axes, ["the model", *names[1:]], {"": values}, [[BASE, *[AVERAGED] * (len(names) - 1)]])
    for place, value in enumerate(values):
        change = "" if place == 0 else f"\n{value / values[0] - 1:+.0%}"
        axes.text(place, value, f"{value:.3g}{change}", ha="center", va="bottom", fontsize=8)
    axes.set_ylim(0, 1.25 * max(values))


def _magnitude(values: Tensor, *, sign: bool = True) -> np.ndarray:
    """A scalar as it is (or its size), a vector's length."""
    shown = torch.linalg.vector_norm(values, dim=0) if len(values) > 1 else (values[0] if sign else values[0].abs())
    return np.asarray(shown)
