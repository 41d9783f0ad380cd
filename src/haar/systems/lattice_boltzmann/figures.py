"""Pictures: vorticity of every collision, decay curves, a strip of frames, spectra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from haar.report.drawing import COLOURS, INK, log_scale, new_figure, share_legend, style_axes

Parts = Sequence[Mapping[str, Any]]
_LABELS = {
    "exact": "exact",
    "naive": "plain",
    "cons": "conserving",
    "sym": "averaged",
    "gavg": "averaged, cons.",
    "lenn": "equivariant",
    "locked": "locked",
    "nco": "learned rates",
}


def draw_vorticity(parts: Parts) -> Figure:
    """The vortices of the first seed at the end, a panel for each network."""
    names = [name for name in _LABELS if "vorticity" in parts[0].get(name, {})]
    figure = new_figure(2.1 * len(names), 2.5)
    for place, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), place + 1)
        _picture(axes, parts[0][name]["vorticity"], f"{_LABELS[name]}")
    return figure


def draw_decay(parts: Parts) -> Figure:
    """Amplitudes over time, a line for each seed."""
    figure = new_figure(7, 3.4)
    axes = style_axes(figure.add_subplot(), x="step", y="share of the vortices left")
    exact = parts[0]["references"]["exact"]
    axes.plot(exact["times"], _known(exact["amplitude"]), "--", color=INK, label="exact", zorder=3)
    names = [name for name in _LABELS if name in parts[0]]
    for place, name in enumerate(names):
        for number, part in enumerate(parts):
            label = _LABELS[name] if number == 0 else None
            one, left = part[name], _known(part[name]["amplitude"])
            left[~(left > 0)] = np.nan  # turned round, or blown up: no share, and no place on a logarithmic axis
            axes.plot(one["times"], left, color=COLOURS[place % len(COLOURS)], label=label, linewidth=1)
    log_scale(axes)
    share_legend(figure, [axes])
    return figure


def draw_strip(flows: Parts) -> Figure:
    """Frames of the decaying flow of the first seed, one row a collision."""
    names = [name for name in _LABELS if name in flows[0]]
    frames = max(len(flows[0][name]["frames"]) for name in names)
    figure = new_figure(1.5 * frames + 1, 1.6 * len(names))
    for row, name in enumerate(names):
        one = flows[0][name]
        for column, frame in enumerate(one["frames"]):
            axes = figure.add_subplot(len(names), frames, row * frames + column + 1)
            title = f"{one['times'][column]}" if row == 0 else ""
            _picture(axes, frame, title)
            if column == 0:
                axes.set_ylabel(_LABELS[name], fontsize=8)
    return figure


def draw_turbulence(flows: Parts) -> Figure:
    """Energies over time, and spectra at the end, of the first seed."""
    figure = new_figure(9, 3.4)
    left, right = (figure.add_subplot(1, 2, place) for place in (1, 2))
    style_axes(left, x="step", y="energy")
    style_axes(right, x="wave number", y="energy in a shell")
    for place, name in enumerate(name for name in _LABELS if name in flows[0]):
        one = flows[0][name]
        colour, style = (INK, "--") if name == "exact" else (COLOURS[place % len(COLOURS)], "-")
        left.plot(one["times"], _known(one["energy"]), style, color=colour, label=_LABELS[name])
        values = _known(one["spectrum"])
        right.plot(np.arange(1, len(values)), values[1:], style, color=colour)
    log_scale(left)
    log_scale(right)
    share_legend(figure, [left])
    return figure


def _picture(axes: Axes, values: Any, title: str) -> None:
    image = _known(values)
    top = float(np.nanmax(np.abs(image))) if np.isfinite(image).any() else 1.0
    axes.imshow(image.T, origin="lower", cmap="RdBu_r", vmin=-top or -1.0, vmax=top or 1.0)
    axes.set_title(title, fontsize=8, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])


def _known(values: Any) -> np.ndarray:
    """Numbers, NaN where one was not finite."""
    return np.array(values, dtype=float)
