"""What ``haar rg`` computes: one table for a few architectures, a spectrum, a flow; as reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from matplotlib.figure import Figure

from haar.errors import ArgumentError
from haar.report import Report, Section, Table
from haar.report.drawing import COLOURS, new_figure, style_axes
from haar.report.table import Cell
from haar.systems.renormalisation.block import one_shot
from haar.systems.renormalisation.ensemble import Ensemble, PerceptronEnsemble
from haar.systems.renormalisation.evaluation import LAWS, evaluate, find_law
from haar.systems.renormalisation.families import FAMILIES, Sizes, find_family
from haar.systems.renormalisation.flow import learned_flow
from haar.systems.renormalisation.graph_ensemble import GRAPHS, SHARINGS, GraphEnsemble
from haar.systems.renormalisation.nonlinearity import find_nonlinearity
from haar.systems.renormalisation.protocol import training_data
from haar.systems.renormalisation.sections import spread
from haar.systems.renormalisation.spectrum import learned_spectrum
from haar.systems.renormalisation.training import PROTOCOL, fit
from haar.watch import Unwatched, Watch


@dataclass(frozen=True)
class Order:
    """Which networks to train, and on what.

    Args:
        activations: Names of activations.
        families: Weight symmetries of perceptrons, or ``graph:sharing`` such as ``ring:shared`` for graph networks.
        depths: Numbers of hidden layers.
        train_law: Law of a coordinate in the training data.
        seeds: Networks of every architecture.
        inputs: Variables of a block.
        width: Number of hidden units.
        steps: Number of training steps.
        samples: Number of training vectors.

    Raises:
        ArgumentError: If a name is unknown, a list empty or a number out of range.

    Example:
        >>> len(Order(families=("free", "ring:shared"), depths=(1, 2)).names())
        4
    """

    activations: Sequence[str] = ("relu",)
    families: Sequence[str] = tuple(FAMILIES)
    depths: Sequence[int] = (1,)
    train_law: str = "gauss"
    seeds: int = 8
    inputs: int = 4
    width: int = 16
    steps: int = 1500
    samples: int = 512

    def __post_init__(self) -> None:
        find_law(self.train_law)
        if self.seeds < 1 or self.samples < 1:
            raise ArgumentError("seeds, samples", expected="at least 1", got=f"{self.seeds}, {self.samples}")
        if not (self.activations and self.families and self.depths):
            raise ArgumentError("activation, symmetry, depth", expected="at least one of each", got="none")
        for name in self.activations:
            find_nonlinearity(name)
        for family in self.families:
            graph, _, sharing = family.partition(":")
            if sharing and (graph not in GRAPHS or sharing not in SHARINGS):
                expected = f"a graph ({', '.join(GRAPHS)}) and {' or '.join(SHARINGS)}, such as ring:shared"
                raise ArgumentError("symmetry", expected=expected, got=repr(family))
            if not sharing:
                find_family(family)

    def names(self) -> list[tuple[str, str, int]]:
        """Activation, family and depth of every architecture."""
        return [(a, f, d) for a in self.activations for f in self.families for d in self.depths]

    def trained(self, activation: str, family: str, depth: int) -> Ensemble:
        """The networks of one architecture, trained."""
        sizes, seeds = Sizes(self.inputs, self.width, depth), range(self.seeds)
        graph, _, sharing = family.partition(":")
        nets: Ensemble = (
            GraphEnsemble(graph, sharing, activation, sizes, seeds=seeds)
            if sharing
            else PerceptronEnsemble(family, activation, sizes, seeds=seeds)
        )
        x = training_data(self.train_law, self.samples, self.inputs, seeds)
        fit(nets, x, one_shot(x), plan=replace(PROTOCOL, steps=self.steps))
        return nets


@dataclass(frozen=True)
class ZooReport(Report):
    """Something measured on every architecture of an order.

    Args:
        what: run, spectrum or flow.
        order: What was trained.
        measured: Name of every architecture to what was measured.
        shown: The table that is shown.
        drawn: The figure beside the table.
        summary_text: What came out, in one sentence.
    """

    kind: ClassVar[str] = "renormalisation"
    title: ClassVar[str] = "Networks that imitate the renormalisation map"  # type: ignore[misc]

    what: str
    order: Order
    measured: Mapping[str, Any]
    shown: Table
    drawn: Figure
    summary_text: str

    @property
    def summary(self) -> str:
        """One sentence."""
        return self.summary_text

    def contents(self) -> dict[str, Any]:
        """The order and every measurement."""
        return {"what": self.what, "order": self.order, "measured": dict(self.measured)}

    def sections(self) -> list[Section]:
        """One section."""
        return [Section(self.what, self.summary_text, self.shown, self.drawn, self.summary_text)]


def run(order: Order, *, watch: Watch = Unwatched()) -> ZooReport:
    """Train, and measure the errors on every law.

    Example:
        >>> report = run(Order(families=("odd",), activations=("linear",), seeds=2, steps=3, samples=8))
        >>> list(report.measured)
        ['linear odd, depth 1']
    """
    measured: dict[str, Any] = {}
    rows: list[list[Cell]] = []
    for nets in _each(order, watch):
        found = evaluate(nets, train_law=order.train_law, seed=1)
        measured[nets.name] = {"laws": found.laws, "nmse": found.nmse, "dead": found.dead}
        shown = [spread(column.numpy()) for column in found.nmse.T]
        rows.append([nets.name, nets.parameter_count, f"{int(found.dead.sum())} of {nets.networks}", *shown])
    table = Table("Normalised mean squared errors", ("network", "parameters", "dead", *LAWS), rows, _NOTE)
    figure = new_figure(8, 1.2 + 0.32 * len(rows))
    axes = style_axes(figure.add_subplot(), x="NMSE")
    for number, law in enumerate(("gauss", "exponential", "gauss x3", "gauss +2")):
        middle = [float(np.median(np.asarray(m["nmse"])[:, list(LAWS).index(law)])) for m in measured.values()]
        axes.plot(np.maximum(middle, 1e-32), range(len(rows)), "o", color=COLOURS[number], label=law)
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), list(measured))
    axes.invert_yaxis()
    axes.legend(fontsize=8, frameon=False)
    return ZooReport("run", order, measured, table, figure, f"Trained on {order.train_law}, tested on every law.")


_NOTE = "median [quartiles] over networks; dead networks are counted and stay in"


def spectrum(order: Order, *, samples: int = 40_000, watch: Watch = Unwatched()) -> ZooReport:
    """Train, and measure with which factor every cumulant is multiplied.

    Args:
        order: What to train; its inputs are the block size b.
        samples: Blocks a law.
        watch: Told of the progress.

    Example:
        >>> order = Order(families=("odd",), activations=("linear",), seeds=1, steps=2, samples=8, inputs=2)
        >>> list(spectrum(order, samples=100).measured["linear odd, depth 1"])
        ['learned', 'sampled', 'exact']
    """
    measured: dict[str, Any] = {}
    rows: list[list[Cell]] = []
    figure = new_figure(7, 3)
    axes = style_axes(figure.add_subplot(), y="learned / exact map")
    axes.axhline(1.0, color="black", linewidth=0.8)
    for number, nets in enumerate(_each(order, watch)):
        found = learned_spectrum(nets, order.inputs, samples=samples, seed=1)
        if not rows:
            rows += [["b^(1-n/2)", *found.exact.tolist()], ["exact map, sampled", *found.sampled.tolist()]]
        measured[nets.name] = {"learned": found.learned, "sampled": found.sampled, "exact": found.exact}
        middle = found.learned.quantile(0.5, 0)
        rows.append([nets.name, *middle.tolist()])
        axes.plot(range(1, 5), (middle / found.sampled).tolist(), "o-", color=COLOURS[number % 7], label=nets.name)
    axes.set_xticks(range(1, 5), [f"λ{n}" for n in range(1, 5)])
    axes.legend(fontsize=8, frameon=False)
    table = Table("Learned spectrum", ("network", *(f"lambda {n}" for n in range(1, 5))), rows, "medians over networks")
    words = f"Slopes of the output's cumulants over the input's, b = {order.inputs}."
    return ZooReport("spectrum", order, measured, table, figure, words)


def flow(
    order: Order, *, law: str = "exponential", steps: int = 5, blocks: int = 4096, watch: Watch = Unwatched()
) -> ZooReport:
    """Train, and apply the networks to their own output.

    Args:
        order: What to train; its inputs are the block size b.
        law: Where the flow starts.
        steps: How often the map is applied.
        blocks: Sites left in the end.
        watch: Told of the progress.

    Raises:
        ArgumentError: If the law is unknown.

    Example:
        >>> order = Order(families=("odd",), activations=("linear",), seeds=1, steps=2, samples=8, inputs=2)
        >>> flow(order, steps=1, blocks=50).what
        'flow'
    """
    start = find_law(law)
    measured: dict[str, Any] = {}
    rows: list[list[Cell]] = []
    figure = new_figure(6, 4)
    axes = style_axes(figure.add_subplot(), x="third cumulant", y="fourth cumulant")
    for number, nets in enumerate(_each(order, watch)):
        found = learned_flow(nets, start, steps=steps, blocks=blocks, seed=1)
        if not rows:
            axes.plot(found.exact[:, 2], found.exact[:, 3], "o-", color="black", markerfacecolor="none", label="exact")
            rows += [["exact", n, *found.exact[:, n - 1].tolist()] for n in (2, 3, 4)]
        measured[nets.name] = {"learned": found.learned, "errors": found.errors, "exact": found.exact}
        middle = found.learned.quantile(0.5, 0)
        rows += [[nets.name, n, *middle[:, n - 1].tolist()] for n in (2, 3, 4)]
        axes.plot(middle[:, 2], middle[:, 3], "o-", color=COLOURS[number % 7], markersize=3, label=nets.name)
    axes.legend(fontsize=8, frameon=False)
    columns = ("network", "cumulant", *(f"step {number}" for number in range(steps + 1)))
    table = Table(f"Flow from {law}", columns, rows, "medians over networks")
    return ZooReport("flow", order, measured, table, figure, f"Flow from {law}, b = {order.inputs}.")


def _each(order: Order, watch: Watch) -> list[Ensemble]:
    names = order.names()
    found = []
    with watch.stage("training", len(names)) as advance:
        for name in names:
            found.append(order.trained(*name))
            advance()
    return found
