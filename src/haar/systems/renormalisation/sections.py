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
    size_series,
)
from haar.systems.renormalisation.size_sweep import AXES

Measures = Sequence[Mapping[str, Any]]

SHOWN = ("gauss", "exponential", "t5", "gauss x3", "gauss +2")


def told(measures: Measures) -> list[Section]:
    """All sections, in order."""
    names = list(measures[0]["zoo"])
    count = sum(len(one["seeds"]) for one in measures)
    return [
        Section(
            "Normalised mean squared errors",
            f"Every architecture was trained {count} times on N(0,1); cells are median [quartiles] over networks of "
            "E(y "
            "- y*)^2 / Var y*. A dead network has a constant output; it is counted and stays in. Values near 1e-30 "
            "are rounding: the network is the exact map. Note the first row: a linear network is exact with 97 "
            "parameters that need no symmetry; what is compared here is which constraints let a nonlinear one find it.",
            errors_table(measures),
        ),
        Section(
            "",
            figure=draw_errors(measures),
            caption="NMSE by weight symmetry, one hidden layer: median and quartiles over networks.",
        ),
        *([Section("Graph networks", table=graphs_table(measures))] if "graphs" in measures[0] else []),
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
            "Gaps to Monte Carlo in units of the sampled standard deviation: median over networks.",
            propagation_table(measures),
        ),
        Section(
            "Symmetry breaking and restoration", _BREAKING, breaking_table(measures), draw_breaking(measures), _BREAK
        ),
        Section("Which order carries the information", _CLOSURE, closure_table(measures)),
        Section("All laws", "Medians over networks.", all_laws_table(measures, names)),
    ]


def _sizes(measures: Measures) -> list[Section]:
    if not measures[0].get("sweep"):
        return []
    text = "One size is varied at a time; the others stay at the values of the tables above."
    caption = "Error far from the training law against size: median and quartiles over networks."
    return [Section("Size", text, size_table(measures), draw_sizes(measures), caption)]


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
    "Mean squared error if every class is replaced by a Gaussian with its mean and covariance at the input or after a "
    "hidden layer; the last one is the true error by construction. Medians over repetitions and seeds. The outcome "
    "depends on the start: the larger initial weights leave more than second order in the inner layers."
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
    rows = [_row(measures, "zoo", cell) for cell in measures[0]["zoo"]]
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
    for group in ("zoo", "graphs"):
        for cell in measures[0].get(group, {}):
            middle = np.median(pooled(measures, group, cell, "nmse"), axis=0)
            rows.append([measures[0][group][cell]["name"], *map(float, middle)])
    return Table("Median NMSE", ("network", *laws), rows)


def spectrum_table(measures: Measures) -> Table:
    """Median slopes."""
    columns = ("network", "lambda 1", "lambda 2", "lambda 3", "lambda 4", "error of lambda 3", "with mirror image")
    first = next(iter(measures[0]["steps"].values()))["spectrum"]
    rows: list[list[Cell]] = [["b^(1-n/2)", *first["exact"], None, None], ["exact map", *first["sampled"], None, None]]
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
    exact = next(iter(measures[0]["steps"].values()))["flow"][law]
    rows: list[list[Cell]] = [
        ["exact", *(row[2] for row in exact["exact"])],
        ["exact map, sampled", *(row[2] for row in exact["sampled"])],
    ]
    for cell in measures[0]["steps"]:
        learned = flow_paths(measures, cell, law)[:, :, 2]
        rows.append([cell, *map(float, np.median(learned, axis=0))])
    steps = [f"step {number}" for number in range(len(exact["exact"]))]
    return Table(f"Third cumulant along the flow from {law}", ("network", *steps), rows, "medians over networks")


def flow_paths(measures: Measures, cell: str, law: str) -> np.ndarray:
    """(networks, levels, 4) cumulants along the learned flow."""
    rows = [path for one in measures for path in one["steps"][cell]["flow"][law]["learned"]]
    return np.array(rows, dtype=float)


def propagation_table(measures: Measures) -> Table:
    """Median gaps of mean and standard deviation."""
    columns = ("network", "law", "mean, order 2", "sd, order 2", "mean, order 3", "sd, order 3")
    rows: list[list[Cell]] = []
    for cell, one in measures[0].get("graphs", {}).items():
        for law in one.get("propagation", {}):
            gaps = [
                np.median([row for seed in measures for row in seed["graphs"][cell]["propagation"][law][order]], axis=0)
                for order in ("order2", "order3")
            ]
            rows.append([one["name"], law, *(float(value) for gap in gaps for value in gap)])
    return Table("Gaps to Monte Carlo", columns, rows)


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
    columns = ("data", "hidden layers", "start", "at the input", "after layer 1", "after layer 2", "after layer 3")
    rows: list[list[Cell]] = []
    missing = ""
    for name, found in measures[0]["closure"].items():
        if not found["available"]:
            missing = "digits need scikit-learn: pip install scikit-learn"
        for number, row in enumerate(found["rows"]):
            runs = [run for one in measures for run in one["closure"][name]["rows"][number]["runs"]]
            losses = np.median([run["closures"] for run in runs], axis=0)
            padded = [*map(float, losses), *[None] * (4 - len(losses))]
            rows.append([name, "-".join(map(str, row["hidden"])), row["start"], *padded])
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
