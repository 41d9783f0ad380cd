"""Tables and a figure of the measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from haar.report import Section, Table
from haar.report.drawing import draw_bars, new_figure, style_axes
from haar.report.table import Cell
from haar.statistics import spread

Measures = Sequence[Mapping[str, Any]]
_WAYS = {"gate": "by gates", "gram": "by Gram matrices", "inner": "by inner products"}


def told(measures: Measures) -> list[Section]:
    """All sections."""
    return [
        Section("Barriers", _BARRIERS, barriers_table(measures), draw_barriers(measures), _CAPTION),
        Section("Ranks", _RANKS, ranks_table(measures)),
    ]


def _rows(measures: Measures, name: str) -> dict[str, list[float]]:
    pairs = [one["mixtures"][name] for one in measures]
    found = {
        "plain average": [pair["naive"] for pair in pairs],
        "units alone": [pair["inner alone"] for pair in pairs],
    }
    for way, label in _WAYS.items():
        found[label] = [pair["ways"][way]["barrier"] for pair in pairs]
    found["best of all orders"] = [pair["best"] for pair in pairs]
    found["worst"] = [pair["worst"] for pair in pairs]
    return found


def barriers_table(measures: Measures) -> Table:
    """One row for each kind of mixture and way."""
    rows: list[list[Cell]] = []
    for name in measures[0]["mixtures"]:
        for label, values in _rows(measures, name).items():
            found = spread(values)
            rows.append([name, label, found.value, f"{found.low:.3g} … {found.high:.3g}"])
    return Table("Barriers", ("mixture", "experts brought together", "barrier", "spread"), rows, "median over pairs")


def draw_barriers(measures: Measures) -> Figure:
    """Bars of the barriers."""
    names = list(measures[0]["mixtures"])
    figure = new_figure(8.4, 3.6)
    axes = style_axes(figure.subplots(), y="barrier")
    kinds = [_rows(measures, name) for name in names]
    draw_bars(axes, names, {label: [kind[label] for kind in kinds] for label in kinds[0]})
    axes.legend(fontsize=8, frameon=False, ncols=1, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def ranks_table(measures: Measures) -> Table:
    """Where each way's order stands among all orders."""
    rows: list[list[Cell]] = []
    for name in measures[0]["mixtures"]:
        for way, label in _WAYS.items():
            pairs = [one["mixtures"][name] for one in measures]
            rank = spread(pair["ways"][way]["rank"] for pair in pairs)
            lost = spread(
                100 * (pair["ways"][way]["barrier"] - pair["best"]) / (pair["naive"] - pair["best"]) for pair in pairs
            )
            order = spread(pair["ways"][way]["order alone"] for pair in pairs)
            rows.append([name, label, rank.value, lost.value, order.value])
    columns = ("mixture", "order", "rank among all orders", "L, %", "barrier without units")
    return Table("Ranks", columns, rows, "L = 100 (barrier - best) / (plain - best), as the paper has it")


_BARRIERS = (
    "Two mixtures of experts learn to read digits on one trunk that stays as it is. Their experts are put in an order "
    "by one of three costs, and the units inside each expert in the nearest order; beside them all orders, tried."
)
_CAPTION = "Barriers of mixtures that send every sample to all experts, or to the best; dots are pairs."
_RANKS = "How near each way comes to the best of all orders."
