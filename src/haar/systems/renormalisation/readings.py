"""What claims read from the measures of one seed.

Networks of one architecture are the units: a ratio is one of medians over networks, never the median of the ratios of
networks that have nothing to do with one another.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from haar.constants import TINY
from haar.systems.claim import Number, over
from haar.systems.renormalisation.evaluation import LAWS
from haar.systems.sample import Sample, ratio, value

Measures = Mapping[str, Any]
Statistic = Callable[[Measures], Sample]

TESTABLE = tuple(name for name, law in LAWS.items() if law.cumulant(8) is not None)
"""Laws with a finite eighth cumulant: only there a squared quadratic error has a standard error."""

FAR = "gauss x3"
RESTORED = 0.1
"""Decay restores a network's symmetry if it leaves at most this share of the breaking distance that is without it."""
_LEAST = TINY  # in place of an error of 0, as a divisor


def column(cell: Measures, law: str) -> list[Any]:
    """Normalised errors of all networks of a cell on one law, none below the least double.

    Example:
        >>> column({"laws": ["a", "b"], "nmse": [[1.0, 2.0], [3.0, 0.0]]}, "b")
        [2.0, 1e-300]
    """
    at = cell["laws"].index(law)
    return [max(_LEAST, row[at]) for row in cell["nmse"]]


def far(top: str, bottom: str, group: str = "zoo") -> Statistic:
    """Errors of one cell over those of another, on 3 x N(0,1)."""
    return lambda m: ratio(column(m[group][top], FAR), column(m[group][bottom], FAR), paired=False)


def everywhere(top: str, bottom: str) -> Statistic:
    """Of every network the least of its errors over the median of the other cell's, over all laws."""

    def statistic(m: Measures) -> Sample:
        above, below = m["zoo"][top], m["zoo"][bottom]
        middles = [statistics.median(column(below, law)) for law in below["laws"]]
        return value(over(above["nmse"], lambda row: min(a / b for a, b in zip(row, middles, strict=True))))

    return statistic


def beside_baselines(m: Measures) -> Sample:
    """The largest error of a free ReLU network over what the mean, or the untrained network, has on the same law."""
    trained = m["zoo"]["relu free 1"]["nmse"]
    bases = [m["baselines"][name]["nmse"] for name in ("mean of the targets", "untrained, relu free")]
    pairs = list(zip(trained, *bases, strict=True))
    return value(over(pairs, lambda rows: max(a / b for base in rows[1:] for a, b in zip(rows[0], base, strict=True))))


def furthest(m: Measures) -> Sample:
    """The largest error on 3 x N(0,1) of quadratic free, sum and odd networks."""
    cells = [column(m["zoo"][f"quadratic {family} 1"], FAR) for family in ("free", "sum", "odd")]
    return value(over(list(zip(*cells, strict=True)), max))


def third(cell: str) -> Statistic:
    """Relative error of the learned third eigenvalue."""
    return lambda m: value([row[2] for row in m["steps"][cell]["relative_error"]])


def largest_z(laws: Sequence[str]) -> Statistic:
    """The largest |z| of a network's predicted errors, over quadratic cells and these laws."""

    def statistic(m: Measures) -> Sample:
        cells = [cell for cell in m["zoo"].values() if "z" in cell and cell["activation"] == "quadratic"]
        places = [(cell["z"], at) for cell in cells for at, law in enumerate(cell["laws"]) if law in laws]
        return value(over(range(len(m["seeds"])), lambda network: max(z[network][at] for z, at in places)))

    return statistic


def largest_gap(orders: Sequence[str], parts: Sequence[int], laws: Sequence[str] | None = None) -> Statistic:
    """The largest gap of a graph network's propagated mean (part 0) or variance (part 1), over graphs and laws."""

    def statistic(m: Measures) -> Sample:
        pushed = [
            law
            for cell in m["graphs"].values()
            for name, law in cell.get("propagation", {}).items()
            if laws is None or name in laws
        ]
        gaps = [law[order] for law in pushed for order in orders]
        return value(
            over(range(len(gaps[0])), lambda network: max(gap[network][part] for gap in gaps for part in parts))
        )

    return statistic


def flow_error(cell: Measures) -> list[Any]:
    """How far the third cumulant of every network is from the exact map's at the end of the first law's flow."""
    flow = next(iter(cell["flow"].values()))
    return [abs(path[-1][2] - flow["sampled"][-1][2]) for path in flow["learned"]]


def flows(top: str, bottom: str) -> Statistic:
    """Errors at the end of the flow, one cell over another."""
    return lambda m: ratio(flow_error(m["steps"][top]), flow_error(m["steps"][bottom]), paired=False)


def peaks(m: Measures) -> list[Number]:
    """The largest breaking distance of a network that starts symmetric."""
    distances = m["breaking"]["symmetric"]["distance"]
    return over(range(len(distances[0])), lambda network: max(row[network] for row in distances))


def ends(what: str, top: str, bottom: str) -> Statistic:
    """Where one scenario ends over where another does; both train the same networks."""
    return lambda m: ratio(m["breaking"][top][what][-1], m["breaking"][bottom][what][-1])


def restored(m: Measures) -> Sample:
    """Share of networks whose units decay makes equal again."""
    pairs = zip(*(m["breaking"][name]["distance"][-1] for name in ("decayed", "perturbed")), strict=True)
    return value([with_decay <= RESTORED * without for with_decay, without in pairs], "mean")


def left_over(start: str) -> Statistic:
    """What a closure after the first layer leaves of the error that it makes at the input."""

    def statistic(data: Measures) -> Sample:
        runs = [run for row in data["rows"] if row["start"].startswith(start) for run in row["runs"]]
        after, at_input = (over(runs, lambda run, k=k: abs(run["closures"][k] - run["loss"])) for k in (1, 0))  # type: ignore[misc]
        return ratio(after, at_input)

    return statistic


def beside_linear(data: Measures) -> Sample:
    """Losses of all classifiers over that of the linear one."""
    losses = [run["loss"] for row in data["rows"] for run in row["runs"]]
    return ratio(losses, len(losses) * [data["linear"]])


def mean_error(rule: str, part: int) -> Statistic:
    """Error of the mean (part 0) or of the covariance (part 1) on random networks."""
    return lambda rules: value([error[part] for error in rules[rule]], "mean")


def nearer(rule: str, other: str, part: int) -> Statistic:
    """The error of one rule over another's on the same networks."""
    return lambda rules: ratio([error[part] for error in rules[rule]], [error[part] for error in rules[other]], "mean")
