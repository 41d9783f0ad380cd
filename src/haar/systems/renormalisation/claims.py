"""What must come out: signs and margins, over all networks of all seeds.

Source marks: "section 6" is the protocol of this test bed, derived from the cumulant account of arXiv 2510.16591.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from haar.constants import TINY
from haar.systems.claim import Claim, Number, over
from haar.systems.renormalisation.evaluation import LAWS

Measures = Mapping[str, Any]
Statistic = Callable[[Measures], list[Number]]

TESTABLE = tuple(name for name, law in LAWS.items() if law.cumulant(8) is not None)
"""Laws with a finite eighth cumulant: only there a squared quadratic error has a standard error."""

BREAKING = "arXiv 2502.05300; section 5 of the protocol"
FAR = "gauss x3"
_LEAST = TINY  # in place of an error of 0, as a divisor


def column(measures: Measures, cell: str, law: str) -> list[Any]:
    """Normalised errors of all networks of a cell on one law."""
    one = measures["zoo"][cell]
    at = one["laws"].index(law)
    return [row[at] for row in one["nmse"]]


def ratios(top: Sequence[Any], bottom: Sequence[Any]) -> list[Number]:
    """Network by network; errors of 0 are taken as the least double.

    Example:
        >>> ratios([1.0, 3.0], [0.5, 2.0])
        [2.0, 1.5]
    """
    return over(zip(top, bottom, strict=True), lambda pair: pair[0] / max(pair[1], _LEAST))


def far(top: str, bottom: str) -> Statistic:
    """Errors of one cell over those of another, on 3 x N(0,1)."""
    return lambda m: ratios(column(m, top, FAR), column(m, bottom, FAR))


def least(top: str, bottom: str) -> Statistic:
    """The least of these ratios over all laws."""

    def statistic(m: Measures) -> list[Number]:
        pairs = zip(m["zoo"][top]["nmse"], m["zoo"][bottom]["nmse"], strict=True)
        return over(pairs, lambda pair: min(a / max(b, _LEAST) for a, b in zip(*pair, strict=True)))

    return statistic


def third(cell: str) -> Statistic:
    """Relative error of the learned third eigenvalue."""
    return lambda m: [row[2] for row in m["steps"][cell]["relative_error"]]


def largest_z(measures: Measures) -> list[Number]:
    """The largest |z| of a network's predicted errors, over quadratic cells and testable laws."""
    cells = [cell for cell in measures["zoo"].values() if "z" in cell and cell["activation"] == "quadratic"]
    places = [(cell["z"], at) for cell in cells for at, law in enumerate(cell["laws"]) if law in TESTABLE]
    return over(range(len(measures["seeds"])), lambda network: max(z[network][at] for z, at in places))


def largest_gap(measures: Measures) -> list[Number]:
    """The largest gap of a graph network's propagated mean and standard deviation, over graphs, laws and orders."""
    laws = [law for cell in measures["graphs"].values() for law in cell.get("propagation", {}).values()]
    gaps = [law[order] for law in laws for order in ("order2", "order3")]
    return over(range(len(measures["seeds"])), lambda network: max(gap for one in gaps for gap in one[network]))


def peaks(measures: Measures) -> list[Number]:
    """The largest breaking distance of a network that starts symmetric."""
    distances = measures["breaking"]["symmetric"]["distance"]
    return over(range(len(measures["seeds"])), lambda network: max(row[network] for row in distances))


def ends(measures: Measures, what: str, top: str, bottom: str) -> list[Number]:
    """Where one scenario ends over where another does, network by network."""
    scenarios = measures["breaking"]
    return ratios(scenarios[top][what][-1], scenarios[bottom][what][-1])


def left_over(digits: Measures) -> list[Number]:
    """What a closure after the first layer leaves of the error that it makes at the input, of uniform starts."""
    runs = [run for row in digits["rows"] if not row["start"].startswith("N") for run in row["runs"]]
    return over(runs, lambda run: abs(run["closures"][1] - run["loss"]) / abs(run["closures"][0] - run["loss"]))


_protocol = partial(Claim, source="section 6 of the protocol")

CLAIMS = (
    *(
        _protocol(
            f"relu {family} fails out of distribution",
            f"(i) over-constrained: relu {family} has at least 20 times the error of relu free on 3 x N(0,1)",
            statistic=far(f"relu {family} 1", "relu free 1"),
            at_least=20,
        )
        for family in ("tied", "full")
    ),
    *(
        _protocol(
            f"quadratic {family} fails everywhere",
            f"(i) over-constrained: quadratic {family} is at least 1000 times worse than free on every law",
            statistic=least(f"quadratic {family} 1", "quadratic free 1"),
            at_least=1e3,
        )
        for family in ("tied", "full")
    ),
    *(
        _protocol(
            f"relu {family} helps",
            f"(ii) the task's own symmetry helps: relu {family} is no worse than relu free on 3 x N(0,1), depth 1",
            statistic=far(f"relu {family} 1", "relu free 1"),
            at_most=1.0,
        )
        for family in ("sum", "odd")
    ),
    _protocol(
        "depth hurts without symmetry",
        "(iii) over-complex: a second hidden layer makes quadratic free 1e6 times worse on 3 x N(0,1)",
        statistic=far("quadratic free 2", "quadratic free 1"),
        at_least=1e6,
    ),
    _protocol(
        "the right symmetry tames depth",
        "(iii) quadratic sum of depth 2 stays below 1e-6 on 3 x N(0,1)",
        statistic=lambda m: column(m, "quadratic sum 2", FAR),
        at_most=1e-6,
    ),
    *(
        _protocol(
            f"spectrum of {family}",
            f"(iv) quadratic {family} has learnt lambda_3 within 3 % of an exact map on the same samples",
            statistic=third(f"quadratic {family}"),
            at_most=0.03,
        )
        for family in ("free", "sum", "odd")
    ),
    _protocol(
        "spectrum of tied",
        "(iv) quadratic tied multiplies the third cumulant wrongly, by at least 30 %",
        statistic=third("quadratic tied"),
        at_least=0.3,
    ),
    _protocol(
        "errors predicted from cumulants",
        "(v) the error of a quadratic network of depth 1 follows from cumulants: largest |z| over five families and "
        f"{len(TESTABLE)} laws with a finite eighth moment",
        statistic=largest_z,
        at_most=3.0,
    ),
    _protocol(
        "cumulants through graph networks",
        "(vi) propagated mean and standard deviation (orders 2, 3) of trained depth-1 graph networks are within 10 % "
        "of a standard deviation of Monte Carlo, training law and exponential: worst over graphs, laws, orders",
        statistic=largest_gap,
        at_most=0.1,
    ),
    Claim(
        "equal units stay equal",
        "an exactly symmetric start stays symmetric for ever: largest Delta during the training",
        BREAKING,
        peaks,
        at_most=1e-12,
        every=True,
    ),
    Claim(
        "decay restores",
        "weight decay pulls slightly perturbed equal units together: Delta with over Delta without it",
        BREAKING,
        lambda m: ends(m, "distance", "decayed", "perturbed"),
        at_most=1.0,
    ),
    Claim(
        "a static bias removes the trap",
        "with a static bias the same decay no longer holds units together: loss with over loss without it",
        "arXiv 2408.15495 (second-hand)",
        lambda m: ends(m, "losses", "biased", "decayed"),
        at_most=0.1,
    ),
    Claim(
        "second order from the first layer on",
        "digits: a Gaussian closure after the first hidden layer leaves less than half of the error that it makes at "
        "the input (networks started from U(+-1/sqrt fan_in))",
        "arXiv 2202.04925, abstract; section 6.1 of the protocol",
        left_over,
        at_most=0.5,
        part=("closure", "digits"),
        when=lambda digits: digits["available"],
    ),
)
"""The table."""
