"""Tables of the experiments, oracles and what needs no training beside the networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple
from functools import partial
from typing import Any

from haar.report import Section, Table
from haar.report.table import Cell
from haar.statistics import spread
from haar.systems.sign_equivariance.community_networks import LABELS as NODES
from haar.systems.sign_equivariance.figures import draw_bars_of, draw_links, draw_particles
from haar.systems.sign_equivariance.link_networks import LABELS as LINKS
from haar.systems.sign_equivariance.particle_networks import LABELS as MOVERS

Measures = Sequence[Mapping[str, Any]]
COLUMNS = ("", "parameters", "rate", "median", "least", "most", "dead runs", "CPU s")
MOVER_COLUMNS = (
    "d", "", "parameters", "equivariance error", "median MSE", "least", "most", "rate", "dead runs", "CPU s",
)  # fmt: skip
RATE_COLUMNS = ("", "", "rate", "median", "least", "most")
NODE_COLUMNS = (*COLUMNS, "changed by signs")


def told(measures: Measures) -> list[Section]:
    """One section an experiment."""
    found: list[Section] = []
    for name, tell in (
        ("twins", _twins),
        ("links", _links),
        ("inductive", _inductive),
        ("particles", _particles),
        ("communities", _communities),
        ("patterns", _patterns),
    ):
        if name in measures[0]:
            found += tell([each[name] for each in measures])
    return found


def network_rows(
    measures: Measures, networks: Callable[[Mapping[str, Any]], Mapping[str, Any]], labels: Mapping[str, str], what: str
) -> list[tuple[Cell, ...]]:
    """One row a network: median, least and greatest value over seeds, and dead runs of all."""
    rows: list[tuple[Cell, ...]] = []
    for kind in networks(measures[0]):
        runs = [networks(each)[kind] for each in measures]
        rates = " ".join(f"{rate:g}" for rate in sorted({run["rate"] for run in runs}))
        dead = f"{sum(run['dead_runs'] for run in runs)} of {sum(run['runs'] for run in runs)}"
        seconds = _middle(run["seconds"] for run in runs)
        rows.append((labels[kind], runs[0]["parameters"], rates, *_spread(run[what] for run in runs), dead, seconds))
    return rows


def untrained_rows(
    measures: Measures, values: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> list[tuple[Cell, ...]]:
    """One row for everything that needs no training."""
    return [(name, 0, "", *_spread(values(each)[name] for each in measures), "", None) for name in values(measures[0])]


def _spread(values: Iterable[float]) -> tuple[Cell, ...]:
    return astuple(spread(values))


def _middle(values: Iterable[float]) -> float:
    return spread(values).value


def _at(measures: Mapping[str, Any], *, path: Sequence[str]) -> Mapping[str, Any]:
    for key in path:
        measures = measures[key]
    return measures


def _twins(measures: Measures) -> list[Section]:
    rows = untrained_rows(measures, lambda m: m["untrained"])
    rows += network_rows(measures, lambda m: m["networks"], LINKS, "accuracy")
    note = (
        "Share of held-out edges (u, w) that score above their twin (u, w'); ties count one half. Diffusion: products "
        "of eigenvectors weighted by (1 - lambda)^2. A run at chance is dead; invariant networks have to be. PEARL is "
        "given a few random signals here, which break ties by chance: the share it gets right may be any."
    )
    return [
        Section(
            "Twins: the theorem made exact",
            "Exchanging the two copies is an exact automorphism of the training graph; its spectrum is simple. "
            "Features that do not see signs are then equal for u and u', and nothing can tell an edge from its twin.",
            Table("", COLUMNS, rows, note),
            draw_bars_of(measures, LINKS, "accuracy", y="edge scored above its twin", chance=0.5),
            "Share of pairs told apart; bars are medians, dots seeds, dashed lines need no training.",
        )
    ]


def _links(measures: Measures) -> list[Section]:
    found = []
    words = {"unit": "unit eigenvectors", "sqrt_n": "eigenvectors times sqrt(n)"}
    for graph in measures[0]:
        rows: list[tuple[Cell, ...]] = untrained_rows(measures, partial(_at, path=(graph, "untrained", "auc")))
        rows.append(
            (
                "closed form: told the copies",
                0,
                "",
                *_spread(m[graph]["untrained"]["ceiling"] for m in measures),
                "",
                None,
            )
        )
        for scale, label in words.items():
            if scale in measures[0][graph]:
                named = {kind: f"{text}, {label}" for kind, text in LINKS.items()}
                rows += network_rows(measures, partial(_at, path=(graph, scale)), named, "auc")
        found.append(Table({"ER": "Erdos-Renyi", "BA": "Barabasi-Albert"}[graph], COLUMNS, rows))
    note = (
        "Two copies of a random graph and a few random edges: all that can be known of an ER edge is whether both ends "
        "are in one copy. The first non-trivial eigenvector says so without training; on BA it also carries degrees. "
        "The signs play no part, since training and test share one decomposition; the split and the random edges "
        "destroy the automorphism, so that networks that are said to fail need not. All networks choose from the same "
        "learning rates, by validation."
    )
    first = Section("Links in nearly symmetric graphs", note, found[0], draw_links(measures, LINKS), _LINK_CAPTION)
    rates = _rate_rows(measures, words)
    tables = found[1:]
    if rates:
        tables.append(Table("Every learning rate", RATE_COLUMNS, rates, "Test area where the validation area is best."))
    return [first, *(Section(table=table) for table in tables)]


def _rate_rows(measures: Measures, words: Mapping[str, str]) -> list[tuple[Cell, ...]]:
    """One row a network and learning rate, where several were tried."""
    rows: list[tuple[Cell, ...]] = []
    for graph in measures[0]:
        for scale, label in words.items():
            for kind, network in measures[0][graph].get(scale, {}).items():
                for rate in network.get("tried", {}):
                    areas = _spread(m[graph][scale][kind]["tried"][rate]["auc"] for m in measures)
                    rows.append((graph, f"{LINKS[kind]}, {label}", rate, *areas))
    return rows


_LINK_CAPTION = "Area under the curve on held-out edges, in both scalings; bars are medians, dots seeds."


def _inductive(measures: Measures) -> list[Section]:
    rows = untrained_rows(measures, lambda m: m["untrained"])
    rows += network_rows(measures, lambda m: m["networks"], LINKS, "auc")
    text = "Networks are trained on some graphs and tested on others, every graph with signs drawn at random."
    return [
        Section(
            "Links in new graphs",
            text,
            Table("", COLUMNS, rows, "Mean over test graphs of the area under the curve."),
            draw_bars_of(measures, LINKS, "auc", y="AUC on new graphs", chance=0.5),
            "Bars are medians, dots seeds, dashed lines need no training or are told the copies.",
        )
    ]


def _particles(measures: Measures) -> list[Section]:
    rows = [row for d in measures[0]["dimensions"] for row in _mover_rows(d, [m["dimensions"][d] for m in measures])]
    costs: list[tuple[Cell, ...]] = [
        (
            d,
            2 ** int(d),
            *(_middle(m["costs"][d][kind] for m in measures) for kind in ("none", "sign", "average")),
            _middle(m["costs"][d]["sign"] / m["costs"][d]["none"] for m in measures),
            _middle(m["costs"][d]["average"] / m["costs"][d]["sign"] for m in measures),
        )
        for d in measures[0]["costs"]
    ]
    floors: list[tuple[Cell, ...]] = [
        (
            {"component": "components cut off (widely used)", "norm": "forces shortened"}[clip],
            *(_middle(m["floor"][clip][part] for m in measures) for part in ("value", "low", "high")),
        )
        for clip in measures[0]["floor"]
    ]
    return [
        Section(
            "Charged particles in d dimensions",
            "Positions one unit of time later, from the start, by the widely used generator. Static: nothing moves; "
            "linear: straight lines. All networks take the same number of steps, but for one.",
            Table(
                "",
                MOVER_COLUMNS,
                rows,
                "Equivariance error: 99th percentile of the relative error under a random turn.",
            ),
            draw_particles(measures, MOVERS),
            "Left: error against dimension; the floor at d = 3 is what no equivariant predictor can pass on these "
            "data. Right: processor time of one training step; an average over 2^d frames is soon out of reach.",
        ),
        Section(
            "",
            "",
            Table(
                "Seconds of a training step",
                ("d", "2^d", "no symmetry", "sign", "average", "sign / none", "average / sign"),
                costs,
            ),
        ),
        Section(
            "The floor in the data",
            "Initial states turned, run, and turned back: the variance over turns is an error that no equivariant "
            "predictor can avoid, if the generator does not turn with the particles.",
            Table("", ("forces", "orbit variance (MSE)", "95% low", "high"), floors),
        ),
        *([_usual([m["usual"] for m in measures])] if "usual" in measures[0] else []),
    ]


def _usual(measures: Measures) -> Section:
    value, low, high = (_middle(m["floor"][part] for m in measures) for part in ("value", "low", "high"))
    return Section(
        "The usual particle task",
        "Three dimensions, frame 30 to frame 40, with as many trajectories as are usually trained and tested on. What "
        "no equivariant predictor can avoid on these data: "
        f"{value:.2g} ({low:.2g} to {high:.2g}), from the orbits of the dynamics in this window.",
        Table("", MOVER_COLUMNS, _mover_rows("3", measures)),
    )


def _mover_rows(d: str, measures: Measures) -> list[tuple[Cell, ...]]:
    """What needs no training, then one row a network."""
    rows: list[tuple[Cell, ...]] = [
        (d, name, 0, None, *_spread(m["untrained"][name] for m in measures), None, "", None)
        for name in measures[0]["untrained"]
    ]
    for kind in measures[0]["networks"]:
        runs = [m["networks"][kind] for m in measures]
        dead = f"{sum(run['dead_runs'] for run in runs)} of {sum(run['runs'] for run in runs)}"
        error = _middle(run["equivariance_error_99"] for run in runs)
        seconds = _middle(run["seconds"] for run in runs)
        errors = _spread(run["mse"] for run in runs)
        rows.append((d, MOVERS[kind], runs[0]["parameters"], error, *errors, runs[0]["rate"], dead, seconds))
    return rows


def _communities(measures: Measures) -> list[Section]:
    return [
        Section(
            "Communities with one named node each",
            "CLUSTER, made by its public parameters. All networks have the same graph layers and compare every node "
            "with the named ones; the training-free line compares eigenvectors only.",
            Table("", NODE_COLUMNS, _node_rows(measures), "Mean over communities of the recall on the test graphs."),
            draw_bars_of(measures, NODES, "accuracy", y="accuracy", chance=1 / 6),
            "Bars are medians, dots seeds, the dashed line needs no training.",
        )
    ]


def _patterns(measures: Measures) -> list[Section]:
    return [
        Section(
            "Planted patterns",
            "PATTERN, made by its public parameters: which nodes belong to a planted graph? It is joined more densely "
            "to the rest than the rest is to itself, so that the number of neighbours says nearly all: one threshold, "
            "chosen on the training graphs, stands beside the networks, which all see the number.",
            Table("", NODE_COLUMNS, _node_rows(measures), "Mean over both classes of the recall on the test graphs."),
            draw_bars_of(measures, NODES, "accuracy", y="accuracy", chance=0.5),
            "Bars are medians, dots seeds, the dashed line is one threshold.",
        )
    ]


def _node_rows(measures: Measures) -> list[tuple[Cell, ...]]:
    """One row a network, with the share of answers that signs change."""
    rows = [(*row, None) for row in untrained_rows(measures, lambda m: m["untrained"])]
    networks = network_rows(measures, lambda m: m["networks"], NODES, "accuracy")
    for row, kind in zip(networks, measures[0]["networks"], strict=True):
        rows.append((*row, _middle(m["networks"][kind]["changed"] for m in measures)))
    return rows
