"""What claims read: errors, gammas and defects of the networks of a cell, and their statistics.

A unit is a network with data, initialisation and batches of its own; the rules' networks of one cell are paired, since
they share all three. Errors of a cell are means over networks, as in the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from statistics import mean
from typing import Any

from haar.systems.claim import Number, over
from haar.systems.sample import Sample, ratio, value

Json = Mapping[str, Any]

LEVEL = 0.05
"""P-values up to it reject."""
RUNAWAY = 10
"""A network has diverged whose error is so many times that of the mean of the targets, or no number."""


def largest(network: Json) -> float:
    """The largest |gamma| of its layers."""
    return float(max(abs(gamma) for gamma in network["gamma"].values()))


def errors(cell: Json, rule: str, key: str = "error") -> list[Number]:
    """The error of every network of a rule."""
    return over(cell["rules"][rule], lambda one: one[key])


def against(rule: str, other: str, key: str = "error") -> Callable[[Json], Sample]:
    """Mean error of a rule over that of another, in one cell."""
    return lambda cell: ratio(errors(cell, rule, key), errors(cell, other), "mean")


def greatest(rule: str) -> Callable[[Json], Sample]:
    """The mean over networks of their largest |gamma|."""
    return lambda cell: value(over(cell["rules"][rule], largest), "mean")


def at(cells: Json, n: int, beta: float) -> Json:
    """The cell of one size of the training set and one break."""
    found: Json = cells[f"{n}, {beta:g}"]
    return found


def resilient_over(n: int, of: Callable[[Json], float]) -> Callable[[Json], Sample]:
    """By what factor something of resilient networks grows from beta = 0 to beta = 1, at one size."""

    def grown(cells: Json) -> Sample:
        broken, exact = (over(at(cells, n, beta)["rules"]["resilient"], of) for beta in (1.0, 0.0))
        return ratio(broken, exact, "mean")

    return grown


def growing(n: int, of: Callable[[Json], float]) -> Callable[[Json], float]:
    """The least factor by which it grows from one beta to the next, at one size."""

    def least(cells: Json) -> float:
        here = sorted((cell for cell in cells.values() if cell["samples"] == n), key=lambda cell: float(cell["beta"]))
        middles = [mean(of(one) for one in cell["rules"]["resilient"]) for cell in here]
        return min(after / before for before, after in pairwise(middles))

    return least


def rejected(part: Json, beta: float) -> Sample:
    """The share of strict networks whose score test, for the largest group, rejects."""
    here = [one for one in part["scores"] if one["beta"] == beta]
    return value(over(here, lambda one: list(one["p"].values())[-1] <= LEVEL), "mean")


def diverged(one: Json, constant: Json) -> bool:
    """Whether a network ran away: its error is many times that of the mean of the targets."""
    return bool(one["error"] > RUNAWAY * constant["error"])


def defect(network: Json) -> float:
    """Its relative equivariance error as deployed."""
    return float(network["defect"])


def has(*rules: str) -> Callable[[Json], bool]:
    """Whether a cell has all these rules."""
    return lambda cell: all(rule in cell["rules"] for rule in rules)


def ran_away(one: Json, constant: Json) -> float:
    """1 for a network that diverged, one whose error is no number among them."""
    (found,) = over([one], lambda network: float(diverged(network, constant)))
    return 1.0 if found is None else float(found)
