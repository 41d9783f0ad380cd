"""The reproduction told: tables and figures of the measures of all seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from haar.constants import TINY
from haar.report import Section, Table
from haar.report.table import Cell
from haar.systems.renormalisation.figures import (
    draw_breaking,
    draw_errors,
    draw_flow,
    draw_predicted,
    draw_sizes,
    draw_spectrum,
    draw_whole_steps,
    size_series,
)
from haar.systems.renormalisation.orders import ORDERS
from haar.systems.renormalisation.size_sweep import AXES

Measures = Sequence[Mapping[str, Any]]

SHOWN = ("gauss", "exponential", "t5", "gauss x3", "gauss +2")


def told(measures: Measures) -> list[Section]:
    """All sections, in order."""
    names, least = list(measures[0]["zoo"]), measures[0]["baselines"]["least squares"]
    count = sum(len(one["seeds"]) for one in measures)
    return [
        Section(
            "Normalised mean squared errors",
            f"Least squares is exact on this task, with {least['parameters']} parameters and no training: no network "
            "here is a better way to sum a block. What is compared is which constraints let a nonlinear network find "
            f"the linear map. Every architecture was trained {count} times on N(0,1); cells are median [quartiles] "
            "over networks of E(y - y*)^2 / Var y*. A dead network has a constant output; it is counted and stays in. "
            "Values near 1e-30 are rounding: the network is the exact map.",
            errors_table(measures),
        ),
        Section(
            "",
            figure=draw_errors(measures),
            caption="NMSE by weight symmetry, one hidden layer: median and quartiles over networks.",
        ),
        *([Section("Graph networks", table=graphs_table(measures))] if "graphs" in measures[0] else []),
        *_whole_steps(measures),
        *_sizes(measures),
        Section("Learned spectrum", _SPECTRUM, spectrum_table(measures), draw_spectrum(measures), _SPECTRUM_CAPTION),
        Section("Flow", _FLOW, flow_table(measures), draw_flow(measures), _FLOW_CAPTION),
        Section(
            "Errors predicted from cumulants",
            "No sample enters the prediction. The law t5 has a finite fourth but no eighth moment: its sampled error "
            "has no standard error, so it is drawn (open) and not judged.",
            figure=draw_predicted(measures),
            caption="Predicted against sampled NMSE of every quadratic network with one hidden layer on every law.",
        ),
        Section(
            "Cumulants through trained graph networks",
            "Median over networks of the gaps to Monte Carlo: of the mean in sampled standard deviations / of the "
            "variance, relative. With few skewed inputs no order in cumulants is safe; draws are: the last column "
            "moves order 3 in factors by 8192 of them.",
            propagation_table(measures),
        ),
        *_orders(measures),
        Section(
            "Symmetry breaking and restoration", _BREAKING, breaking_table(measures), draw_breaking(measures), _BREAK
        ),
        Section("Which order carries the information", _CLOSURE, closure_table(measures)),
        Section("All laws", "Medians over networks.", all_laws_table(measures, names)),
    ]


def _orders(measures: Measures) -> list[Section]:
    if not measures[0].get("orders"):
        return []
    return [Section("Cumulants through random networks", _ORDERS, orders_table(measures))]


def _whole_steps(measures: Measures) -> list[Section]:
    if not measures[0].get("whole_steps"):
        return []
    rows = [_row(measures, "whole_steps", cell) for cell in measures[0]["whole_steps"]]
    table = Table("Errors of whole steps", ("network", "parameters", "dead", *SHOWN), rows)
    caption = "Error of whole steps, from no symmetry to too much: median and quartiles over networks."
    return [Section("Whole steps", _WHOLE, table, draw_whole_steps(measures), caption)]


def _sizes(measures: Measures) -> list[Section]:
    if not measures[0].get("sweep"):
        return []
    text = "One size is varied at a time; the others stay at the values of the tables above."
    caption = "Error far from the training law against size: median and quartiles over networks."
    return [Section("Size", text, size_table(measures), draw_sizes(measures), caption)]


_WHOLE = (
    "One step takes a chain of N sites to N/b block sums, and commutes with S_b wr S_(N/b). The families allow all "
    "matrices, those that commute with turns of the ring by whole blocks, with the whole group, with the group and "
    "x -> -x, the same with all channels equal, and those that commute with all permutations of the sites, which the "
    "step does not: these see the total alone, and 1 - b/N of the variance is lost whatever they learn."
)
_ORDERS = (
    "ReLU networks with weights N(0, 2/fan_in), input N(0, I), all layers equally wide: mean over networks of the "
    "error of the mean in standard deviations / the relative error of the covariance. In narrow networks 2000 plain "
    "draws, which cost about as much as order 2, are nearer than most orders; for one number to trust, draw more. The "
    "row `truth` is the error of the sample that all are compared with. mlp_kprop (arXiv 2605.05179) is run beside "
    "these in the benchmarks; its numbers for networks of this kind are the bounds of the claims above."
)
_SPECTRUM = (
    "Slope of the output's n-th cumulant over the input's, over a family of laws. The exact map does not give "
    "b^(1-n/2) on finite samples either; the row `exact map` is what it gives on the same ones. The last column adds "
    "the mirror image of the skewed law: to first order a network's bend errs oppositely on the two, and part of the "
    "error averages out."
)
_SPECTRUM_CAPTION = "Learned eigenvalue over that of the exact map on the same samples; quartiles over networks."
_FLOW = (
    "A network R^2 -> R applied to its own output, block by block. The exact flow moves on a parabola into the origin, "
    "the Gaussian fixed point; a network that has learnt the training law alone flows elsewhere."
)
_FLOW_CAPTION = (
    "Flow in the plane of third and fourth cumulant: the exact one (line) and the networks' medians; a path that "
    "leaves the frame has left the neighbourhood of the exact flow."
)
_BREAKING = (
    "Delta is the share of the units' squared length that is not common to all of them: 0 for equal units. Equal units "
    "stay equal exactly; whether a small perturbation grows or dies depends on the start, which the spread shows."
)
_BREAK = (
    "Breaking distance (drawn at 1e-9 where it is less) and training error (at 1e-16 where it is less): median and "
    "quartiles over networks."
)
_CLOSURE = (
    "Mean squared error on the test split if every class is replaced by a Gaussian with its mean and covariance there, "
    "at the input or after a hidden layer; the last one is the true error by construction. Medians over repetitions "
    "and seeds. The outcome depends on the start: the larger initial weights leave more than second order in the "
    "inner layers. The linear model is ridge regression, its strength chosen within the training split."
)


def pooled(measures: Measures, group: str, cell: str, key: str) -> np.ndarray:
    """One row a network, over all seeds; what was not finite is NaN."""
    rows = [row for one in measures for row in one[group][cell][key]]
    return np.array(rows, dtype=float)


def spread(values: np.ndarray) -> str:
    """Median and quartiles in words; a number that is not finite counts as infinite."""
    low, middle, high = np.percentile(np.where(np.isfinite(values), values, np.inf), [25, 50, 75], method="nearest")
    return f"{middle:.1e} [{low:.0e}, {high:.0e}]"


def errors_table(measures: Measures) -> Table:
    """One row an architecture."""
    rows = [_row(measures, group, cell) for group in ("baselines", "zoo") for cell in measures[0][group]]
    return Table("Errors of perceptrons", ("network", "parameters", "dead", *SHOWN), rows)


def graphs_table(measures: Measures) -> Table:
    """The same for graph networks."""
    rows = [_row(measures, "graphs", cell) for cell in measures[0]["graphs"]]
    return Table("Errors of graph networks", ("network", "parameters", "dead", *SHOWN), rows)


def _row(measures: Measures, group: str, cell: str) -> list[Cell]:
    one = measures[0][group][cell]
    errors, dead = pooled(measures, group, cell, "nmse"), pooled(measures, group, cell, "dead")
    shown = [spread(errors[:, list(one["laws"]).index(law)]) for law in SHOWN]
    return [one["name"], one["parameters"], f"{int(dead.sum())} of {len(dead)}", *shown]


def all_laws_table(measures: Measures, names: Sequence[str]) -> Table:
    """Medians on every law."""
    laws = list(measures[0]["zoo"][names[0]]["laws"])
    rows: list[list[Cell]] = []
    for group in ("baselines", "zoo", "graphs", "whole_steps"):
        for cell in measures[0].get(group, {}):
            middle = np.median(pooled(measures, group, cell, "nmse"), axis=0)
            rows.append([measures[0][group][cell]["name"], *map(float, middle)])
    return Table("Median NMSE", ("network", *laws), rows)


def spectrum_table(measures: Measures) -> Table:
    """Median slopes."""
    columns = ("network", "lambda 1", "lambda 2", "lambda 3", "lambda 4", "error of lambda 3", "with mirror image")
    first = [next(iter(one["steps"].values()))["spectrum"] for one in measures]
    sampled = np.median([one["sampled"] for one in first], axis=0)
    rows: list[list[Cell]] = [
        ["b^(1-n/2)", *first[0]["exact"], None, None],
        ["exact map", *map(float, sampled), None, None],
    ]
    for cell in measures[0]["steps"]:
        learned = np.array([row for one in measures for row in one["steps"][cell]["spectrum"]["learned"]], dtype=float)
        wrong = pooled(measures, "steps", cell, "relative_error")[:, 2]
        other = pooled(measures, "steps", cell, "mirrored_error")[:, 2]
        middle = map(float, np.median(learned, axis=0))
        rows.append([cell, *middle, float(np.median(wrong)), float(np.median(other))])
    return Table("Learned spectrum, b = 2", columns, rows)


def flow_table(measures: Measures) -> Table:
    """Third cumulant along the flow from the first law."""
    law = next(iter(next(iter(measures[0]["steps"].values()))["flow"]))
    flows = [next(iter(one["steps"].values()))["flow"][law] for one in measures]
    exact, sampled = flows[0]["exact"], np.median([flow["sampled"] for flow in flows], axis=0)
    rows: list[list[Cell]] = [
        ["exact", *(row[2] for row in exact)],
        ["exact map, sampled", *map(float, sampled[:, 2])],
    ]
    for cell in measures[0]["steps"]:
        learned = flow_paths(measures, cell, law)[:, :, 2]
        rows.append([cell, *map(float, np.median(learned, axis=0))])
    steps = [f"step {number}" for number in range(len(exact))]
    return Table(f"Third cumulant along the flow from {law}", ("network", *steps), rows, "medians over networks")


def flow_paths(measures: Measures, cell: str, law: str) -> np.ndarray:
    """(networks, levels, 4) cumulants along the learned flow."""
    rows = [path for one in measures for path in one["steps"][cell]["flow"][law]["learned"]]
    return np.array(rows, dtype=float)


def propagation_table(measures: Measures) -> Table:
    """Median gaps of mean and variance."""
    rows: list[list[Cell]] = []
    for cell, one in measures[0].get("graphs", {}).items():
        for law in one.get("propagation", {}):
            gaps = [
                np.median([row for seed in measures for row in seed["graphs"][cell]["propagation"][law][order]], axis=0)
                for order in (*ORDERS, "fused")
            ]
            rows.append([one["name"], law, *(f"{mean:.1g} / {variance:.1g}" for mean, variance in gaps)])
    return Table("Gaps to Monte Carlo", ("network", "law", *ORDERS, "with draws"), rows)


def orders_table(measures: Measures) -> Table:
    """Mean errors of every rule on random networks."""
    cells = list(measures[0]["orders"])
    rows: list[list[Cell]] = []
    for rule in measures[0]["orders"][cells[0]]:
        means = [np.mean([row for one in measures for row in one["orders"][cell][rule]], axis=0) for cell in cells]
        rows.append([rule, *(f"{mean:.2g} / {cov:.2g}" for mean, cov in means)])
    counts = ", ".join(str(sum(len(one["orders"][cell]["truth"]) for one in measures)) for cell in cells)
    return Table("Errors on random networks", ("rule", *cells), rows, f"networks: {counts}")


def breaking_table(measures: Measures) -> Table:
    """Where every scenario ends."""
    rows: list[list[Cell]] = []
    for name, one in measures[0]["breaking"].items():
        last = {
            what: np.array([value for seed in measures for value in seed["breaking"][name][what][-1]], dtype=float)
            for what in ("distance", "clusters", "losses")
        }
        middle = float(np.median(last["clusters"]))
        rows.append([one["title"], spread(last["distance"]), middle, spread(last["losses"])])
    return Table("At the end of the training", ("start", "Delta", "unit clusters", "mean squared error"), rows)


def closure_table(measures: Measures) -> Table:
    """Losses of closures at the input and after every hidden layer."""
    layers = ("at the input", "after layer 1", "after layer 2", "after layer 3")
    columns = ("data", "hidden layers", "start", "linear model", *layers)
    rows: list[list[Cell]] = []
    missing = ""
    for name, found in measures[0]["closure"].items():
        if not found["available"]:
            missing = "digits need scikit-learn: pip install scikit-learn"
        linear = float(np.median([one["closure"][name]["linear"] for one in measures])) if found["available"] else None
        for number, row in enumerate(found["rows"]):
            runs = [run for one in measures for run in one["closure"][name]["rows"][number]["runs"]]
            losses = np.median([run["closures"] for run in runs], axis=0)
            padded = [*map(float, losses), *[None] * (4 - len(losses))]
            rows.append([name, "-".join(map(str, row["hidden"])), row["start"], linear, *padded])
    return Table("Loss of Gaussian closures", columns, rows, missing)


def size_table(measures: Measures) -> Table:
    """One row a size: median errors of every family on `FAR`, dead networks, and what each constraint costs."""
    series = size_series(measures)
    names = list(dict.fromkeys(name for name, *_ in series))
    constrained = [name for name in names if not name.endswith(" free")]
    columns = ("varied", "size", *names, *(f"{name.split()[-1]} / free" for name in constrained), "dead")
    by_size: dict[tuple[str, int], dict[str, tuple[np.ndarray, int]]] = {}
    for name, axis, size, errors, dead in series:
        by_size.setdefault((axis, size), {})[name] = (errors, dead)
    rows = [[AXES[axis], size, *_size_cells(here, names, constrained)] for (axis, size), here in by_size.items()]
    count = sum(len(one["seeds"]) for one in measures)
    note = f"medians over {count} networks of every size; NMSE on 3 x N(0,1); dead: of {count}"
    return Table("Errors by size", columns, rows, note)


def _size_cells(
    here: Mapping[str, tuple[np.ndarray, int]], names: Sequence[str], constrained: Sequence[str]
) -> list[Cell]:
    """Medians of all networks of one size, each over that of the free one, and who died."""
    middle = {name: float(np.median(errors)) for name, (errors, _) in here.items()}
    deaths = ", ".join(f"{name.split()[-1]} {dead}" for name, (_, dead) in here.items() if dead) or "none"
    return [*map(middle.get, names), *(_cost(middle, name) for name in constrained), deaths]


def _cost(middle: Mapping[str, float], name: str) -> float | None:
    free = f"{name.split(maxsplit=1)[0]} free"
    return middle[name] / max(middle[free], TINY) if free in middle and name in middle else None
