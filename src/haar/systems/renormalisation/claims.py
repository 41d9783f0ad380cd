"""The claims that the reproduction judges: signs and margins, over all networks of all seeds.

Source marks: "section 6" is the protocol of this test bed, derived from the cumulant account of arXiv 2510.16591.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from haar.systems.effect import Bound, Effect
from haar.systems.renormalisation.evaluation import LAWS

Measures = Sequence[Mapping[str, Any]]
Number = float | None

TESTABLE = tuple(name for name, law in LAWS.items() if law.cumulant(8) is not None)
"""Laws with a finite eighth cumulant: only there a squared quadratic error has a standard error."""


def judged(measures: Measures) -> list[Effect]:
    """Every claim that the measured cells allow to judge."""
    return [
        *_over_constrained(measures),
        *_right_symmetry(measures),
        *_complexity(measures),
        *_spectrum(measures),
        _prediction(measures),
        _propagation(measures),
        *_breaking(measures),
        *_closure(measures),
    ]


def column(measures: Measures, cell: str, law: str) -> list[Number]:
    """Normalised errors of all networks of a cell on one law."""
    found: list[Number] = []
    for measured in measures:
        one = measured["zoo"][cell]
        at = list(one["laws"]).index(law)
        found += [row[at] for row in one["nmse"]]
    return found


def ratios(top: Sequence[Number], bottom: Sequence[Number]) -> list[Number]:
    """Network by network; None where a number is missing, and errors of 0 taken as the least double.

    Example:
        >>> ratios([1.0, None], [0.5, 2.0])
        [2.0, None]
    """
    pairs = zip(top, bottom, strict=True)
    return [None if a is None or b is None else a / max(b, 1e-300) for a, b in pairs]


def _claim(name: str, values: Sequence[Number], bound: Bound, claim: str, *, every: bool = False) -> Effect:
    source = "section 6 of the protocol"
    return Effect.measured(name, list(values), bound, claim=claim, source=source, in_every_seed=every)


def _over_constrained(measures: Measures) -> list[Effect]:
    found = []
    for family in ("tied", "full"):
        relu = ratios(column(measures, f"relu {family} 1", "gauss x3"), column(measures, "relu free 1", "gauss x3"))
        claim = f"(i) over-constrained: relu {family} has at least 20 times the error of relu free on 3 x N(0,1)"
        found.append(_claim(f"relu {family} fails out of distribution", relu, Bound(low=20), claim))
        least: list[Number] = []
        by_law = [
            ratios(column(measures, f"quadratic {family} 1", law), column(measures, "quadratic free 1", law))
            for law in LAWS
        ]
        for one in zip(*by_law, strict=True):
            known = [value for value in one if value is not None]
            least.append(min(known) if len(known) == len(one) else None)
        claim = f"(i) over-constrained: quadratic {family} is at least 1000 times worse than free on every law"
        found.append(_claim(f"quadratic {family} fails everywhere", least, Bound(low=1e3), claim))
    return found


def _right_symmetry(measures: Measures) -> list[Effect]:
    found = []
    for family in ("sum", "odd"):
        values = ratios(column(measures, f"relu {family} 1", "gauss x3"), column(measures, "relu free 1", "gauss x3"))
        claim = f"(ii) the task's own symmetry helps: relu {family} is no worse than relu free on 3 x N(0,1), depth 1"
        found.append(_claim(f"relu {family} helps", values, Bound(high=1.0), claim))
    return found


def _complexity(measures: Measures) -> list[Effect]:
    deep = column(measures, "quadratic free 2", "gauss x3")
    shallow = column(measures, "quadratic free 1", "gauss x3")
    tamed = column(measures, "quadratic sum 2", "gauss x3")
    return [
        _claim(
            "depth hurts without symmetry",
            ratios(deep, shallow),
            Bound(low=1e6),
            "(iii) over-complex: a second hidden layer makes quadratic free 1e6 times worse on 3 x N(0,1)",
        ),
        _claim(
            "the right symmetry tames depth",
            tamed,
            Bound(high=1e-6),
            "(iii) quadratic sum of depth 2 stays below 1e-6 on 3 x N(0,1)",
        ),
    ]


def _spectrum(measures: Measures) -> list[Effect]:
    found = []
    for family in ("free", "sum", "odd", "tied"):
        values = [row[2] for one in measures for row in one["steps"][f"quadratic {family}"]["relative_error"]]
        if family == "tied":
            claim = "(iv) quadratic tied multiplies the third cumulant wrongly, by at least 30 %"
            found.append(_claim("spectrum of tied", values, Bound(low=0.3), claim))
        else:
            claim = f"(iv) quadratic {family} has learnt lambda_3 within 3 % of an exact map on the same samples"
            found.append(_claim(f"spectrum of {family}", values, Bound(high=0.03), claim))
    return found


def _prediction(measures: Measures) -> Effect:
    values: list[Number] = []
    for one in measures:
        cells = [cell for cell in one["zoo"].values() if "z" in cell and cell["activation"] == "quadratic"]
        for network in range(len(one["seeds"])):
            scores = [
                cell["z"][network][at] for cell in cells for at, law in enumerate(cell["laws"]) if law in TESTABLE
            ]
            values.append(None if None in scores else max(scores))
    claim = (
        "(v) the error of a quadratic network of depth 1 follows from cumulants: largest |z| over five families and "
        f"{len(TESTABLE)} laws with a finite eighth moment"
    )
    return _claim("errors predicted from cumulants", values, Bound(high=3.0), claim)


def _propagation(measures: Measures) -> Effect:
    values: list[Number] = []
    for one in measures:
        cells = [cell["propagation"] for cell in one["graphs"].values() if "propagation" in cell]
        for network in range(len(one["seeds"])):
            gaps = [
                gap
                for cell in cells
                for law in cell.values()
                for order in ("order2", "order3")
                for gap in law[order][network]
            ]
            values.append(None if None in gaps else max(gaps))
    claim = (
        "(vi) propagated mean and standard deviation (orders 2, 3) of trained depth-1 graph networks are within 10 % "
        "of a standard deviation of Monte Carlo, training law and exponential: worst over graphs, laws, orders"
    )
    return _claim("cumulants through graph networks", values, Bound(high=0.1), claim)


def _breaking(measures: Measures) -> list[Effect]:
    def last(name: str, what: str) -> list[Number]:
        return [value for one in measures for value in one["breaking"][name][what][-1]]

    peak = [
        max(row[k] for row in one["breaking"]["symmetric"]["distance"])
        for one in measures
        for k in range(len(one["seeds"]))
    ]
    source = "arXiv 2502.05300; section 5 of the protocol"
    return [
        Effect.measured(
            "equal units stay equal",
            peak,
            Bound(high=1e-12),
            claim="an exactly symmetric start stays symmetric for ever: largest Delta during the training",
            source=source,
        ),
        Effect.measured(
            "decay restores",
            ratios(last("decayed", "distance"), last("perturbed", "distance")),
            Bound(high=1.0),
            claim="weight decay pulls slightly perturbed equal units together: Delta with over Delta without it",
            source=source,
            in_every_seed=False,
        ),
        Effect.measured(
            "a static bias removes the trap",
            ratios(last("biased", "losses"), last("decayed", "losses")),
            Bound(high=0.1),
            claim="with a static bias the same decay no longer holds units together: loss with over loss without it",
            source="arXiv 2408.15495 (second-hand)",
            in_every_seed=False,
        ),
    ]


def _closure(measures: Measures) -> list[Effect]:
    values = []
    for one in measures:
        rows = [row for row in one["closure"]["digits"]["rows"] if not row["start"].startswith("N")]
        if not rows:
            return []
        shares = [
            abs(run["closures"][1] - run["loss"]) / abs(run["closures"][0] - run["loss"])
            for row in rows
            for run in row["runs"]
        ]
        values.append(median(shares))
    return [
        Effect.measured(
            "second order from the first layer on",
            values,
            Bound(high=0.5),
            claim="digits: a Gaussian closure after the first hidden layer leaves less than half of the error that it "
            "makes at the input (networks started from U(+-1/sqrt fan_in))",
            source="arXiv 2202.04925, abstract; section 6.1 of the protocol",
        )
    ]
