"""Figures in one style, made without a window and without touching the reader's plotting settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

BASE = "#9aa1ad"
AVERAGED = "#2f6fdf"
WARNING = "#c0392b"
INK = "#1c2230"
COLOURS = (AVERAGED, "#e08a1e", "#1d7f4e", "#8e5bd0", "#16889c", BASE, WARNING)


def new_figure(width: float | int = 9, height: float | int = 3.2) -> Figure:
    """An empty figure that lays itself out; sizes in inches.

    Example:
        >>> new_figure(4, 3).get_size_inches().tolist()
        [4.0, 3.0]
    """
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def style_axes(axes: Axes, *, title: str = "", x: str = "", y: str = "") -> Axes:
    """Axes with two spines, a quiet grid and small labels."""
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="#e6e9ef", linewidth=0.8)
    return axes


def draw_bars(
    axes: Axes, groups: Sequence[str], series: Mapping[str, Sequence[float | int]], colours: Sequence[str] = COLOURS
) -> None:
    """Bars side by side, one group for every name, one colour for every series; a NaN leaves a gap."""
    width = 0.8 / len(series)
    places = np.arange(len(groups))
    for number, (label, values) in enumerate(series.items()):
        offset = (number - (len(series) - 1) / 2) * width
        axes.bar(places + offset, values, width * 0.92, label=label, color=colours[number % len(colours)])
    axes.set_xticks(places, groups)


def draw_field(
    axes: Axes, values: np.ndarray, *, title: str = "", limits: tuple[float | int, float | int], map_name: str
) -> AxesImage:
    """One scalar field, first array axis to the right, second one up; returns the image for a colour bar."""
    axes.set_title(title, fontsize=9, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return axes.imshow(
        np.asarray(values).T, origin="lower", cmap=map_name, vmin=limits[0], vmax=limits[1], interpolation="nearest"
    )
