"""Tables and figures of the measures: accuracies, learning curves, symmetry, and what others have reported."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from matplotlib.figure import Figure

from haar.report import Section, Table
from haar.report.drawing import COLOURS, INK, draw_bars, draw_curves, new_figure, share_legend, style_axes
from haar.report.table import Cell
from haar.statistics import spread
from haar.systems.dynamic_sparse_training.claims import LAST, last

Measures = Sequence[Mapping[str, Any]]
_KINDS = {
    "dense": "dense",
    "RigL": "RigL",
    "SET": "SET",
    "revival": "static, one revival",
    "gradual pruning": "gradual pruning",
    "static": "static",
    "dense, tuned": "dense, tuned",
    "RigL, tuned": "RigL, tuned",
    "static, tuned": "static, tuned",
    "narrow": "narrow and dense, tuned",
    "linear": "linear model, tuned",
}
#: Episodes up to step 2000.
_EARLY = 10
_LOWER = {"RigL, lower": "RigL, lower sparsity", "static, lower": "static, lower sparsity"}
#: Accuracies of an earlier trial of this library, two seeds, and the spread of the two.
_TRIAL = {"dense": "0.972, 0.980", "RigL": "0.928, 0.936", "SET": "0.925, 0.925", "static": "0.881, 0.866"}
#: What is said of arXiv 2510.12096 by summaries of it; its tables were not seen.
_REPORTED = (
    ("encoder", "dense is best", "no encoder in this task"),
    ("critic", "rewired > static > dense", ("module-specific", "static", "dense")),
    ("actor", "static is best, rewiring destabilises", ("module-specific", "swapped")),
)
_AGENTS = {
    "dense": "dense",
    "narrow": "narrow and dense, as many weights",
    "module-specific": "RigL critic, static actor",
    "swapped": "static critic, RigL actor",
    "static": "static critic and actor",
    "revival": "critic with one revival, static actor",
    "dense actor": "RigL critic, dense actor",
}


def told(measures: Measures) -> list[Section]:
    """All sections."""
    return [
        Section("Digits", _DIGITS, digits_table(measures), draw_digits(measures), _POINTS),
        Section("A pendulum", _PENDULUM, control_table(measures), draw_returns(measures), _CURVES),
        Section("What others report", _OTHERS, reported_table(measures)),
        Section("Masks on orbits", _ORBITS, orbits_table(measures), draw_errors(measures), _ERRORS),
    ]


def _mean(measures: Measures, name: str, key: str) -> float:
    """Over all networks of all seeds."""
    values = [one for seed in measures for one in seed["digits"][name][key]]
    return float(sum(values) / len(values))


def digits_table(measures: Measures) -> Table:
    """One row for each regime."""
    rows: list[list[Cell]] = []
    for name, label in {**_KINDS, **_LOWER}.items():
        held = measures[0]["digits"][name]
        accuracy = spread([one for seed in measures for one in seed["digits"][name]["accuracy"]])
        more = [
            _mean(measures, name, key) if key in held else None for key in ("explored", "dormant ratio", "stable rank")
        ]
        active = _mean(measures, name, "active")
        ends = f"{accuracy.low:.3f} … {accuracy.high:.3f}"
        rows.append([label, _mean(measures, name, "accuracy"), ends, _TRIAL.get(name, ""), _whole(active), *more])
    often = sum(seed["digits"]["most frequent"] for seed in measures) / len(measures)
    rows.append(["the most frequent digit", often, "", "", 0, None, None, None])
    columns = (
        "network", "accuracy", "spread", "earlier trial (ours), seeds 0, 1", "weights",
        "explored", "dormant units", "stable rank",
    )  # fmt: skip
    note = (
        "mean over networks; weights: those that are not 0, without biases; explored: share of the weights that have "
        "been active at some time; dormant units and stable rank of the last hidden layer"
    )
    return Table("Held-out accuracy", columns, rows, note)


def draw_digits(measures: Measures) -> Figure:
    """Accuracies: the median of each regime, and its networks as points; no bars, for the axis does not begin at 0."""
    figure = new_figure(7.0, 4.2)
    axes = style_axes(figure.subplots(), y="held-out accuracy")
    for place, name in enumerate(_KINDS):
        values = [one for seed in measures for one in seed["digits"][name]["accuracy"]]
        axes.plot([place] * len(values), values, "o", color=COLOURS[0], markersize=5, alpha=0.6)
        middle = spread(values).value
        axes.plot([place - 0.3, place + 0.3], [middle] * 2, color=INK, linewidth=1.6)
    axes.set_xticks(range(len(_KINDS)), list(_KINDS.values()), rotation=30, ha="right", rotation_mode="anchor")
    return figure


def _returns(measures: Measures, name: str) -> list[list[float]]:
    return [seed["control"][name]["returns"] for seed in measures if name in seed["control"]]


def _whole(value: float) -> int | None:
    """A whole number; None for one that is not finite."""
    return round(value) if math.isfinite(value) else None


def _average(values: Sequence[float | int]) -> float:
    return sum(values) / len(values)


def control_table(measures: Measures) -> Table:
    """One row for each agent."""
    rows: list[list[Cell]] = []
    for name in measures[0]["control"]:
        agents = [seed["control"][name] for seed in measures]
        ends = [sum(last(agent)) / LAST for agent in agents]
        early = [_average(agent["returns"][_EARLY:] or agent["returns"]) for agent in agents]
        kind, _, rate = name.partition(" at ")
        label = _AGENTS[kind] + (f", learning rate {rate}" if rate else "")
        found = spread(ends)
        weights = _whole(_average([agent["active"] for agent in agents]))
        rows.append(
            [label, sum(ends) / len(ends), f"{found.low:.0f} … {found.high:.0f}", sum(early) / len(early), weights]
        )
    columns = ("agent", "return at the end", "spread", "mean return after step 2000", "weights")
    return Table("Returns", columns, rows, f"at the end: mean of the last {LAST} episodes; mean over seeds; 0 is best")


def draw_returns(measures: Measures) -> Figure:
    """Returns of episodes, running means of three."""
    figure = new_figure(7.0, 4.2)
    axes = style_axes(figure.subplots(), x="episode of 200 steps", y="return")
    names = [name for name in _AGENTS if name in measures[0]["control"]]
    episodes = min(len(returns) for name in names for returns in _returns(measures, name))
    series = {
        _AGENTS[name]: [
            [
                sum(returns[max(0, k - 2) : k + 1]) / len(returns[max(0, k - 2) : k + 1])
                for returns in _returns(measures, name)
            ]
            for k in range(episodes)
        ]
        for name in names
    }
    draw_curves(axes, range(1, episodes + 1), series, style="-")
    share_legend(figure, [axes], columns=2)
    return figure


def reported_table(measures: Measures) -> Table:
    """What is said of each module, and what came out here."""

    def end(name: str) -> float:
        found = [sum(returns[-LAST:]) / LAST for returns in _returns(measures, name)]
        return sum(found) / len(found)

    rows: list[list[Cell]] = []
    for module, finding, ours in _REPORTED:
        if isinstance(ours, str):
            rows.append([module, finding, ours, "-"])
            continue
        ends = {_AGENTS[name]: end(name) for name in ours if name in measures[0]["control"]}
        known = len(ends) == len(ours) and all(math.isfinite(one) for one in ends.values())
        agrees = all(one >= other for one, other in pairwise(ends.values())) if known else None
        told_as = "; ".join(f"{name} {value:.0f}" for name, value in ends.items())
        rows.append(
            [
                module,
                finding,
                told_as,
                "not all measured" if agrees is None else "same order" if agrees else "another order",
            ]
        )
    columns = ("module", "reported (second-hand)", "here: return at the end", "order")
    note = "reported: arXiv 2510.12096 as summaries tell it, on dog-run and humanoid-run; its own tables were not seen"
    return Table("Regimes by module", columns, rows, note)


def orbits_table(measures: Measures) -> Table:
    """One row for each regime and kind of mask."""
    rows: list[list[Cell]] = []
    for kind in ("orbits", "entries"):
        for name in measures[0]["orbits"][kind]:
            runs = [seed["orbits"][kind][name] for seed in measures]
            error = spread([run["error"] for run in runs])
            worst = spread([run["defect"] for run in runs]).high
            rows.append(
                [kind, name, f"{worst:.1e}", error.value, f"{error.low:.3g} … {error.high:.3g}", runs[0]["density"]]
            )
    columns = ("masks on", "regime", "equivariance error", "test error", "spread", "density")
    note = "equivariance error: relative, the largest over seeds and updates; test error: over the variance, median"
    return Table("Sparse layers with a symmetry", columns, rows, note)


def draw_errors(measures: Measures) -> Figure:
    """Test errors of both kinds of masks."""
    figure = new_figure(6.0, 3.2)
    axes = style_axes(figure.subplots(), y="test error / variance")
    names = list(measures[0]["orbits"]["orbits"])
    series = {
        f"masks on {kind}": [[seed["orbits"][kind][name]["error"] for seed in measures] for name in names]
        for kind in ("orbits", "entries")
    }
    draw_bars(axes, names, series)
    axes.legend(fontsize=8, frameon=False)
    return figure


_DIGITS = (
    "Where a small network is enough, a large sparse one has to be compared with it: the narrow dense network has as "
    "many weights as the sparse wide ones, and a linear model has fewer. Both are trained at the rate that was best on "
    "other seeds, and so are the rows called tuned; the others at the rate of the trial that the bounds are from, at "
    "which 800 steps are too few for sparse networks. Every regime begins with the same first weights and sees the "
    "same batches. Gradual pruning begins dense, and pays for it."
)
_POINTS = "Held-out accuracy of every network, as a point, and the middle one of each kind, as a line."
_PENDULUM = (
    "TD3 on `Pendulum-v1`, norms and ELU in all networks, the critic and the actor with regimes of their own. Six "
    "thousand steps are few: the last episodes of one agent differ by hundreds, by where the pendulum hangs at their "
    "beginning. All are trained at the rate 0.001; the full preset tries 0.0003 and 0.003 too, for the dense agent and "
    "the module-specific one alike. That regimes by modules scale to large networks, as is claimed for harder tasks, "
    "is not tested."
)
_CURVES = (
    "Returns of episodes, means of three; the line is the median over seeds, the band from the least to the greatest."
)
_OTHERS = (
    "The paper's tables were not to be had; what summaries of it say stands beside what came out here. It is contested "
    "for critics: arXiv 2602.04166 reports static masks with one revival 13.5 % better (median, SAC and TD3) than "
    "rewired ones."
)
_ORBITS = (
    "Two linear layers that commute with turns of a ring learn from a network like them. A random mask on entries "
    "breaks the symmetry at once, whatever the regime; a mask on whole orbits never does."
)
_ERRORS = "Test error of dense and sparse layers, held to orbits or not; bars reach to the least and the greatest seed."
