"""Tables and figures of the measures: the ladder, the way between two networks, widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from haar.report import Section, Table
from haar.report.drawing import draw_curves, log_scale, mark_sizes, new_figure, share_legend, style_axes
from haar.report.table import Cell
from haar.statistics import spread
from haar.systems.mode_connectivity.claims import NAMES

Measures = Sequence[Mapping[str, Any]]
_RUNGS = {
    "vanilla": "plain average",
    "permutation": "permutations, matched",
    "orthogonal": "orthogonal maps, matched",
    "learned permutation": "permutations, learned",
    "learned orthogonal": "orthogonal maps, learned",
}


def told(measures: Measures) -> list[Section]:
    """All sections."""
    found = [Section("Perceptrons", _PERCEPTRONS, perceptrons_table(measures), draw_widths(measures), _WIDTHS)]
    names = [name for name in NAMES if all(name in one.get("transformers", {}) for one in measures)]
    if names:
        found.append(Section("Transformers", _LADDER, ladder_table(measures, names), draw_ways(measures, names), _WAYS))
        found.append(Section("Nothing changed", _EXACT, exact_table(measures, names)))
    return found


def _over(measures: Measures, *keys: str) -> Any:
    """One number of every seed."""

    def at(one: Any) -> float:
        for key in keys:
            one = one[key]
        return float(one)

    return spread(at(one) for one in measures)


def _ends(found: Any) -> str:
    return f"{found.low:.3g} … {found.high:.3g}"


def perceptrons_table(measures: Measures) -> Table:
    """One row for each width, then those that learned from halves."""
    rows: list[list[Cell]] = []
    places = [("perceptrons", name) for name in measures[0]["perceptrons"]]
    for group, name in [*places, ("halves", "perceptrons")]:
        barriers = [
            _over(measures, group, name, "lines", rung, "barrier") for rung in ("vanilla", "weights", "activations")
        ]
        told_as = name if group == "perceptrons" else "disjoint halves of the data"
        rows.append([told_as, *(one.value for one in barriers), _ends(barriers[1])])
    columns = ("perceptrons", "plain average", "weights matched", "activations matched", "spread, weights")
    return Table("Barriers", columns, rows, "median over pairs of networks; cross entropy on held-out digits")


def draw_widths(measures: Measures) -> Figure:
    """Barriers against width."""
    figure = new_figure(6.0, 3.4)
    axes = style_axes(figure.subplots(), x="hidden units of each layer", y="barrier")
    pairs = list(measures[0]["perceptrons"])
    widths = [measures[0]["perceptrons"][name]["width"] for name in pairs]
    rungs = {"plain average": "vanilla", "weights matched": "weights", "activations matched": "activations"}
    lines = {
        label: [[one["perceptrons"][name]["lines"][rung]["barrier"] for one in measures] for name in pairs]
        for label, rung in rungs.items()
    }
    draw_curves(axes, widths, lines)
    log_scale(axes, "x")
    mark_sizes(axes, widths)
    axes.legend(fontsize=8, frameon=False)
    return figure


def ladder_table(measures: Measures, names: Sequence[str]) -> Table:
    """One row for each rung of each transformer."""
    rows: list[list[Cell]] = []
    for name in names:
        for rung, label in _RUNGS.items():
            barrier = _over(measures, "transformers", name, "lines", rung, "barrier")
            middle = _over(measures, "transformers", name, "lines", rung, "middle")
            rows.append([NAMES[name], label, barrier.value, _ends(barrier), middle.value])
    columns = ("network", "how the two are brought together", "barrier", "spread", "loss half way")
    return Table("The ladder", columns, rows, "median over pairs; cross entropy on held-out data")


def draw_ways(measures: Measures, names: Sequence[str]) -> Figure:
    """The loss between the two networks, on every rung."""
    figure = new_figure(max(6.4, 4.4 * len(names)), 3.8)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        style_axes(axes, title=NAMES[name], x="share of B", y="loss" if axes is panels[0] else "")
        lines = [one["transformers"][name]["lines"] for one in measures]
        count = len(lines[0]["vanilla"]["losses"])
        shares = [k / (count - 1) for k in range(count)]
        curves = {
            label: [[one[rung]["losses"][k] for one in lines] for k in range(count)] for rung, label in _RUNGS.items()
        }
        draw_curves(axes, shares, curves, style="-")
    share_legend(figure, panels, columns=2 if len(names) == 1 else 3)
    return figure


def exact_table(measures: Measures, names: Sequence[str]) -> Table:
    """What alignment changes, and how near planted elements are found."""
    keys = ("moved", "moved_single", "planted_before", "planted", "turned")
    rows: list[list[Cell]] = [
        [NAMES[name], *(f"{_over(measures, 'transformers', name, key).high:.1e}" for key in keys)] for name in names
    ]
    columns = (
        "network",
        "outputs moved, double precision",
        "single precision",
        "planted: distance before",
        "after",
        "learned turn, |R - 1| / sqrt(d)",
    )
    return Table("Exactness", columns, rows, "the largest over pairs")


_PERCEPTRONS = (
    "Two perceptrons with two hidden layers learn to read digits from different first weights and in a different "
    "order. Half way between them the loss is high; after the units of one were put into the order that is nearest to "
    "the other's, the way is nearly flat. No function was changed."
)
_WIDTHS = "Barriers of pairs of perceptrons against their width; bands reach from the least to the greatest pair."
_LADDER = (
    "Two transformers of each kind, trained apart. Each rung lets more of the symmetry of their parameters be used: "
    "the order of heads and units, then orthogonal maps of the residual stream, then maps that are learned so that "
    "the loss half way is low. All averages are ordinary checkpoints of the same shapes: inside heads it is factors "
    "that are averaged, after their gauge was matched."
)
_WAYS = "Loss on held-out data along the straight line between the two networks."
_EXACT = (
    "An aligned network computes what it did before. And a network that was moved by a random element of its whole "
    "symmetry (rotation, order of heads and units, phases, invertible maps inside heads) is found again."
)
