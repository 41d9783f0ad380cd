"""Figures in one style, made without a window and without touching the reader's plotting settings."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FormatStrFormatter, FuncFormatter, NullLocator

from haar.errors import ArgumentError

Number = float | int
Shown = Number | None | np.ndarray | Sequence[Number | None]
"""A number, or its values over seeds; None and NaN are not known."""

BASE = "#9aa1ad"
AVERAGED = "#2f6fdf"
WARNING = "#c0392b"
INK = "#1c2230"
#: Characters of the longest name below a bar or in a legend.
_LONGEST = 60
COLOURS = (AVERAGED, "#e08a1e", "#1d7f4e", "#8e5bd0", "#16889c", BASE, WARNING)


def new_figure(width: Number = 9, height: Number = 3.2) -> Figure:
    """An empty figure that lays itself out; sizes in inches.

    Example:
        >>> new_figure(4, 3).get_size_inches().tolist()
        [4.0, 3.0]
    """
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def figure_of(axes: Axes) -> Figure:
    """The whole figure that axes stand in, of axes in a part of a figure as well."""
    figure = getattr(axes.figure, "figure", None)  # of a part of a figure, the whole
    if not isinstance(figure, Figure):
        raise ArgumentError("ax", expected="axes of a figure", got="axes that were removed from theirs")
    return figure


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
    axes: Axes,
    names: Sequence[str],
    series: Mapping[str, Sequence[Shown]],
    colours: Sequence[str | Sequence[str]] = COLOURS,
    *,
    bottom: Number = 0.0,
    intervals: Mapping[str, Sequence[tuple[Number, Number]]] | None = None,
    slanted: bool = False,
) -> dict[str, np.ndarray]:
    """Bars side by side, one group for every name; over seeds the bar is the median, and seeds are dots.

    Args:
        axes: Panel to draw into.
        names: Of the groups, below them.
        series: By label: a number, or its values over seeds, for every name; what is not known leaves a gap.
        colours: One for every series, or one for every bar of it.
        bottom: Where bars begin, such as what chance gives.
        intervals: By label: lower and upper end for every name; NaN where there is none.
        slanted: Whether names stand aslant, for they are many or long.

    Returns:
        By label: where the middle of every bar is.
    """
    width, places, drawn = 0.8 / len(series), np.arange(len(names)), {}
    for number, (label, values) in enumerate(series.items()):
        drawn[label] = at = places + (number - (len(series) - 1) / 2) * width
        spreads = [_values(value) for value in values]
        middle = np.array([_percentiles(spread, 50)[0] for spread in spreads])
        colour = colours[number % len(colours)]
        axes.bar(at, middle - bottom, width * 0.92, bottom=bottom, label=label, color=colour)
        if intervals and label in intervals:
            reach = [(m - low, high - m) for m, (low, high) in zip(middle, intervals[label], strict=True)]
            reach_of_known = np.nan_to_num(np.array(reach).reshape(-1, 2).T).clip(min=0.0)
            axes.errorbar(at, middle, reach_of_known, fmt="none", elinewidth=1, ecolor="#555")
        for place, value, spread in zip(at, values, spreads, strict=True):
            if np.ndim(value) > 0:  # type: ignore[arg-type]  # whatever it is
                axes.plot([place] * len(spread), spread, "o", color=INK, markersize=3, alpha=0.7)
    aslant: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(places, [_brief(name) for name in names], **aslant)
    return drawn


def draw_curves(
    axes: Axes,
    at: Sequence[Number],
    series: Mapping[str, Sequence[Shown]],
    colours: Sequence[str] | Mapping[str, str] = COLOURS,
    *,
    style: str | Mapping[str, str] = "o-",
    spread: Literal["range", "quartiles", "bars", "dots"] = "range",
    width: Number = 1.3,
) -> None:
    """Curves against numbers; over seeds the curve is the median, and the spread is drawn around it.

    Args:
        axes: Panel to draw into.
        at: Numbers on the horizontal axis.
        series: By label: a value, or values over seeds, for every number; what is not known leaves a gap.
        colours: One for every series, in order or by label.
        style: Marker and line as matplotlib writes them, for all or by label.
        spread: A band from the least to the greatest value, a band between the quartiles, bars to the least and the
            greatest value, or a dot a value.
        width: Width of the lines.
    """
    for number, (label, values) in enumerate(series.items()):
        colour = colours[label] if isinstance(colours, Mapping) else colours[number % len(colours)]
        kind = style if isinstance(style, str) else style[label]
        spreads = [_values(value) for value in values]
        middle = np.array([_percentiles(found, 50)[0] for found in spreads])
        axes.plot(at, middle, kind, color=colour, markersize=4, linewidth=width, label=label)
        if not any(len(found) > 1 for found in spreads):
            continue
        if spread == "dots":
            for x, found in zip(at, spreads, strict=True):
                axes.plot([x] * len(found), found, ".", color=colour, markersize=3, alpha=0.5)
            continue
        ends = (25, 75) if spread == "quartiles" else (0, 100)
        low, high = np.array([_percentiles(found, *ends) for found in spreads]).T
        if spread == "bars":
            axes.errorbar(at, middle, [middle - low, high - middle], fmt="none", ecolor=colour, elinewidth=1)
        else:
            axes.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)


def draw_prediction(
    axes: Axes,
    series: Mapping[str, tuple[Sequence[Number] | np.ndarray, Sequence[Number] | np.ndarray]],
    colours: Sequence[str] | Mapping[str, str] = COLOURS,
    *,
    floor: Number,
    hollow: Collection[str] = (),
) -> None:
    """Measured against predicted sizes, both logarithmic, and the line on which they are equal.

    Args:
        axes: Panel to draw into.
        series: By label: what was predicted, and what was measured.
        colours: One for every series, in order or by label.
        floor: The least size that is told from zero; what is smaller is drawn there.
        hollow: Labels whose points are rings.
    """
    seen = []
    for number, (label, pair) in enumerate(series.items()):
        colour = colours[label] if isinstance(colours, Mapping) else colours[number % len(colours)]
        predicted, measured = (np.maximum(np.array(side, dtype=float), floor) for side in pair)
        seen += [size for size in (*predicted, *measured) if math.isfinite(size)]
        inside = "none" if label in hollow else colour
        axes.plot(predicted, measured, "o", markersize=5, color=colour, markerfacecolor=inside, label=label, alpha=0.8)
    ends = (min(seen, default=1.0) / 2, 2 * max(seen, default=1.0))
    axes.plot(ends, ends, color=BASE, linewidth=1.0, zorder=1)
    log_scale(axes, "xy")
    axes.set(xlim=ends, ylim=ends)


def log_scale(axes: Axes, which: Literal["x", "y", "xy"] = "y", *, plain: bool = False) -> None:
    """Logarithmic axes; one on which nothing positive is drawn stays as it is, for it would have no ends.

    Args:
        axes: Panel whose axes are made logarithmic.
        which: The axis or axes.
        plain: Whether numbers are written out, 0.1 and not 10^-1.
    """
    for name in which:
        least = axes.dataLim.minposx if name == "x" else axes.dataLim.minposy
        if axes.has_data() and not math.isfinite(least):
            continue
        axes.set(**{f"{name}scale": "log"})
        if plain:
            axis = axes.xaxis if name == "x" else axes.yaxis
            axis.set_major_formatter(FormatStrFormatter("%g"))
            axis.set_minor_formatter(FuncFormatter(partial(_between, axis)))


def _between(axis: Axis, value: float, _: int | None = None) -> str:
    """2, 3 and 5 times a power of ten, where an axis shows no more than one power and would tell nothing else."""
    low, high = sorted(axis.get_view_interval())
    digit = round(value / 10.0 ** math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:g}" if high < 10 * low and digit in (2, 3, 5) else ""


def mark_sizes(axes: Axes, sizes: Sequence[int]) -> None:
    """A logarithmic axis of sizes that are marked each with its own number, and nothing between them."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())


def share_legend(
    figure: Figure, axes: Iterable[Axes], *, side: Literal["below", "right"] = "below", columns: int = 4
) -> None:
    """One legend for all panels, outside them; a label that several have is said once.

    Args:
        figure: Figure that the legend is put on.
        axes: Panels whose labels it tells.
        side: Below the panels, or to their right.
        columns: In how many columns at most; to the right there is one.
    """
    found: dict[str, Any] = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    handles, labels = list(found.values()), [_brief(label) for label in found]
    if side == "right":
        figure.legend(handles, labels, fontsize=8, frameon=False, loc="outside right center")
    else:
        ncols = max(1, min(columns, len(found)))
        figure.legend(handles, labels, fontsize=8, frameon=False, loc="outside lower center", ncols=ncols)


def _brief(name: str) -> str:
    """A name that leaves room for the panel: its beginning and its end."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST // 2]}…{name[1 - _LONGEST // 2 :]}"


def _values(value: Shown) -> np.ndarray:
    values: np.ndarray = np.ravel(np.array(value, dtype=float))
    return values


def _percentiles(values: np.ndarray, *percents: Number) -> list[float]:
    """NaN where one of the values is not known, or there is none: nobody knows where the others stand."""
    if not len(values):
        return [math.nan] * len(percents)
    # between a number and infinity there is nothing
    method: Literal["linear", "nearest"] = "linear" if np.isfinite(values).all() else "nearest"
    return [float(np.percentile(values, percent, method=method)) for percent in percents]


def draw_field(
    axes: Axes, values: np.ndarray, *, title: str = "", limits: tuple[Number, Number], map_name: str
) -> AxesImage:
    """One scalar field, first array axis to the right, second one up; returns the image for a colour bar."""
    axes.set_title(title, fontsize=9, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return axes.imshow(
        np.asarray(values).T, origin="lower", cmap=map_name, vmin=limits[0], vmax=limits[1], interpolation="nearest"
    )
