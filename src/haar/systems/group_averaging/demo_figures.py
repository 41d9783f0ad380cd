"""Pictures of the demonstration: fields with their errors, and errors by group and by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from haar.report.drawing import (
    AVERAGED,
    BASE,
    COLOURS,
    INK,
    draw_bars,
    draw_curves,
    draw_field,
    log_scale,
    new_figure,
    style_axes,
)
from haar.systems.group_averaging.demo_spectra import energy_spectrum, kept_energy
from haar.systems.group_averaging.demo_story import Finding

_MAPS = ("viridis", "cividis", "magma")
#: Of the truth's energy at middle wavenumbers: what is less is a blur.
_KEPT = 2 / 3
#: Energies that are shown, over the largest.
_LEAST_ENERGY = 1e-6
_LABEL: dict[str, Any] = {"color": "white", "fontsize": 8, "fontweight": "bold"}


def shown_step(f: Finding) -> int:
    """The last predicted step at which nothing is a blur yet; the first where there is none.

    No blur: in every field both rollouts have `_KEPT` of the truth's energy at wavenumbers from a quarter to half of
    the largest.
    """
    kept = torch.stack(
        [
            kept_energy(rolled[:, channels], f.truth[:, channels])
            for rolled in (f.base, f.averaged)
            for channels in f.layout.output().slices().values()
        ]
    ).amin(0)
    sharp = (kept >= _KEPT).tolist()
    return next((k for k, good in enumerate(sharp) if not good), len(sharp)) or 1


def draw_fields(f: Finding) -> Figure:
    """Truth, predictions, errors before and after, and energy spectra, one row a field, at `shown_step`."""
    step = shown_step(f)
    fields = f.layout.output().slices()
    figure = new_figure(13.5, 2.1 * len(fields) + 0.25)
    grid = figure.subplots(len(fields), 6, squeeze=False, width_ratios=(1, 1, 1, 1, 1, 1.15))
    for row, (name, channels) in enumerate(fields.items()):
        truth, base, averaged = (part[step - 1, channels] for part in (f.truth, f.base, f.averaged))
        shown = [_magnitude(part) for part in (truth, base, averaged)]
        limits = (float(shown[0].min()), float(shown[0].max()))
        errors = [_magnitude(part - truth, sign=False) for part in (base, averaged)]
        top = float(np.quantile(errors[0], 0.995)) or 1.0
        for axes, values in zip(grid[row, :3], shown, strict=True):
            image = draw_field(axes, values, limits=limits, map_name=_MAPS[row % len(_MAPS)])
        _colour_bar(figure, image, grid[row, 2])
        for axes, values in zip(grid[row, 3:5], errors, strict=True):
            image = draw_field(axes, values, limits=(0.0, top), map_name="inferno")
            axes.text(0.03, 0.04, f"rms {np.sqrt(np.mean(values**2)):.3g}", transform=axes.transAxes, **_LABEL)
        _colour_bar(figure, image, grid[row, 4])
        _spectra(grid[row, 5], {"truth": truth, "the model": base, "averaged": averaged}, legend=row == 0)
        vector = channels.stop - channels.start > 1
        grid[row, 0].set_ylabel(f"|{name}|" if vector else name, fontsize=10)
    titles = ("truth", "the model", "averaged over D4", "error of the model", "error, averaged", "energy by wavenumber")
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=9, loc="left", color=INK)
    return figure


def _spectra(axes: Axes, fields: Mapping[str, Tensor], *, legend: bool) -> None:
    """Energy spectra on logarithmic axes."""
    colours = {"truth": INK, "the model": COLOURS[1], "averaged": AVERAGED}
    for label, values in fields.items():
        energy = energy_spectrum(values)
        axes.plot(range(1, 1 + len(energy)), energy, color=colours[label], linewidth=1.2, label=label)
    log_scale(axes, "xy")
    most = float(energy_spectrum(fields["truth"]).max()) or 1.0
    axes.set_ylim(most * _LEAST_ENERGY, 3 * most)  # solvers cut what is above a wavenumber: no use to show the cliff
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(fontsize=7, frameon=False, loc="lower left")


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
