"""Tables and figures of the measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from haar.report import Section, Table
from haar.report.drawing import draw_bars, log_scale, new_figure, style_axes
from haar.report.table import Cell
from haar.statistics import spread

Measures = Sequence[Mapping[str, Any]]
_POLICIES = {
    "fixed": "frame computed once",
    "align": "turned to a running reference",
    "canonical": "largest entry positive",
    "invariant": "absolute values",
    "raw": "random signs",
    "linear": "least squares on fixed factors",
    "mean": "the mean",
}
#: Names of the networks, the simplest first.
_NETWORKS = {
    "mean": "the mean",
    "linear on factors": "least squares on factors",
    "linear on columns": "ridge on columns",
    "FAR": "FAR",
    "FAST": "FAST",
    "soft": "soft components of the columns",
    "bottleneck": "the same without penalties (a bottleneck)",
    "GFANN": "GFANN: soft components of a hidden layer",
    "GFANN, no penalties": "the same without penalties",
    "GFANN, strong variance": "the same with ten times the variance term",
    "GFANN, no penalties, decay": "without penalties, weight decay 1",
    "GFADNN": "GFADNN: an additive head",
    "NN": "plain network",
    "NN, decay": "plain network, weight decay by validation",
    "oracle": "network that sees the factors",
}
_CONVENTIONS = {
    "solver": "the solver's signs",
    "by scores": "largest score positive",
    "by loadings": "largest loading positive",
    "aligned": "turned to the window before",
    "held": "frame of the head's own window",
}


def told(measures: Measures) -> list[Section]:
    """All sections; where the simpler method wins stands first."""
    worlds = list(measures[0]["networks"])
    tables = networks_table(measures, worlds), policies_table(measures), returns_table(measures)
    figures = draw_networks(measures, worlds), draw_policies(measures), draw_returns(measures)
    words = (
        ("Networks on drawn tables", _NETWORKS_TEXT, _BARS),
        ("The gauge of a layer in training", _GAUGE_TEXT, _GAUGE_BARS),
        ("Real returns", _RETURNS_TEXT, _RETURNS_BARS),
    )
    return [
        Section(title, text, table, figure, below)
        for (title, text, below), table, figure in zip(words, tables, figures, strict=True)
    ]


def _over(measures: Measures, *keys: str) -> list[float]:
    """One number of every seed."""
    found = []
    for one in measures:
        inner: Any = one
        for key in keys:
            inner = inner[key]
        found.append(float(inner))
    return found


def networks_table(measures: Measures, worlds: Sequence[str]) -> Table:
    """One row a network, one column a world."""
    measured = measures[0]["networks"][worlds[0]]["errors"]
    rows: list[list[Cell]] = []
    for name, label in _NETWORKS.items():
        if name in measured:
            rows.append([label, *(spread(_over(measures, "networks", w, "errors", name)).value for w in worlds)])
    note = "test error over the variance of the answers, median over seeds; the epoch and the decay by 150 other rows"
    return Table("Networks", ("network", *worlds), rows, note)


def draw_networks(measures: Measures, worlds: Sequence[str]) -> Figure:
    """Errors of those that are compared."""
    shown = ("FAR", "soft", "GFANN", "NN, decay", "oracle")
    names = [name for name in shown if name in measures[0]["networks"][worlds[0]]["errors"]]
    figure = new_figure(max(6.4, 2.1 * len(worlds)), 3.4)
    axes = style_axes(figure.subplots(), y="error over variance")
    series = {name: [_over(measures, "networks", world, "errors", name) for world in worlds] for name in names}
    draw_bars(axes, worlds, series, slanted=len(worlds) > 3)
    axes.legend(fontsize=8, frameon=False, ncols=len(names), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def policies_table(measures: Measures) -> Table:
    """One row a policy."""
    fixed = spread(_over(measures, "gauge", "policies", "errors", "fixed")).value
    rows: list[list[Cell]] = []
    for name, label in _POLICIES.items():
        error = spread(_over(measures, "gauge", "policies", "errors", name))
        rows.append([name, label, error.value, f"{error.low:.3g} … {error.high:.3g}", error.value / fixed])
    columns = ("policy", "what it does", "error over variance", "spread", "over fixed")
    return Table("Policies", columns, rows, "median over seeds")


def draw_policies(measures: Measures) -> Figure:
    """Errors of the policies."""
    figure = new_figure(6.4, 3.2)
    axes = style_axes(figure.subplots(), y="error over variance")
    values = [_over(measures, "gauge", "policies", "errors", name) for name in _POLICIES]
    draw_bars(axes, list(_POLICIES), {"policies": values}, bottom=1e-3)
    log_scale(axes, "y")
    return figure


def returns_table(measures: Measures) -> Table:
    """One row a convention."""
    windows = [one["returns"]["windows"] for one in measures]
    rows: list[list[Cell]] = []
    for name, label in _CONVENTIONS.items():
        explained = spread(_explained(one, name) for one in windows).value
        if name not in windows[0]["drift"]:
            rows.append([label, None, "-", explained])
            continue
        moves = windows[0]["drift"][name]
        flips = ", ".join(map(str, windows[0]["flips"][name]))
        rows.append([label, sum(moves) / len(moves), flips, explained])
    moves = len(windows[0]["drift"]["aligned"])
    columns = ("gauge", "mean distance to the next frame", f"flips of each sign in {moves} moves", "R2 of kept heads")
    return Table("Windows", columns, rows, "R2 on the months after a head's window, median over seeds of the heads")


def _explained(windows: Mapping[str, Any], name: str) -> float:
    return 1 - float(sum(windows["errors"][name])) / float(sum(windows["nothing"]))


def draw_returns(measures: Measures) -> Figure:
    """R2 of heads that are kept from a window to the next."""
    figure = new_figure(6.4, 3.2)
    axes = style_axes(figure.subplots(), y="R2 on the months after")
    windows = [one["returns"]["windows"] for one in measures]
    values = [[_explained(one, name) for one in windows] for name in _CONVENTIONS]
    draw_bars(axes, list(_CONVENTIONS), {"heads": values})
    axes.axhline(0, color="0.5", linewidth=0.8)
    return figure


_NETWORKS_TEXT = (
    "Where columns are linear in the factors, or nearly so, FAR is best: a perceptron of plain principal components. "
    "Where they are not, it is worst of all networks, and then a plain network with weight decay does as well as "
    "soft components after a hidden layer, or better. Penalties of soft components help where they are true, on "
    "columns that are linear in the factors, and next to nothing after a hidden layer."
)
_BARS = "Test error over the variance of the answers; dots are seeds."
_GAUGE_TEXT = (
    "A layer whose principal components are computed anew in every batch, in front of a perceptron. Turned to a "
    "running reference it learns as with a frame that was computed once. Signs by the largest entry change from batch "
    "to batch, and the perceptron learns an answer for both."
)
_GAUGE_BARS = "Test error over the variance of the answers, on a logarithmic axis; dots are seeds."
_RETURNS_TEXT = (
    "Principal components of 30 portfolios in windows of ten years, a year apart. A head is trained on a window's "
    "components to give market, size, value and momentum, and kept for the next window, whose components are new: on "
    "the months that were not in its window."
)
_RETURNS_BARS = "Share of the variance of the four factors that kept heads explain; dots are seeds of the heads."
