"""What must come out: the "must hold" list of the protocol, on the table of vectors, and what other tasks show.

Every number is one of a cell: of one size of the training set, over the means of its networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import mean
from typing import Any

from haar.systems.claim import Claim, Number, over

Json = Mapping[str, Any]
Networks = Sequence[Json]

PROTOCOL = "protocol of section 9, derived from arXiv 2505.13631"
OURS = "our experiment"
WEIGHT, CHARGED, INERTIA = "weight", "charged particles", "inertia"
LEVEL = 0.05
"""P-values up to it reject."""


def cells(part: Json, beta: float) -> list[Json]:
    """The rules of every cell at one beta."""
    return [cell["rules"] for cell in part["cells"].values() if cell["beta"] == beta]


def error(networks: Networks, key: str = "error") -> float:
    """The mean over networks."""
    return float(mean(one[key] for one in networks))


def largest(network: Json) -> float:
    """The largest |gamma| of its layers."""
    return float(max(abs(gamma) for gamma in network["gamma"].values()))


def largest_mean(networks: Networks) -> float:
    """Its mean over networks."""
    return mean(largest(one) for one in networks)


def ratio(part: Json, beta: float, rule: str, *others: str) -> list[Number]:
    """Error of a rule over the least of some others', in every cell at one beta."""
    return over(cells(part, beta), lambda rules: error(rules[rule]) / min(error(rules[other]) for other in others))


def growth(part: Json, of: Callable[[Networks], float]) -> list[Number]:
    """By what factor something of resilient models grows from beta = 0 to beta = 1, for every size."""
    every = part["cells"].values()
    exact, broken = ([cell for cell in every if cell["beta"] == beta] for beta in (0.0, 1.0))
    pairs = [(one["rules"], other["rules"]) for one in exact for other in broken if one["samples"] == other["samples"]]
    return over(pairs, lambda pair: of(pair[1]["resilient"]) / of(pair[0]["resilient"]))


def apart(part: Json) -> list[Number]:
    """How far the ridge's error is from resilient's, at beta 0 and 1."""
    rules = [*cells(part, 0.0), *cells(part, 1.0)]
    return over(rules, lambda one: abs(error(one["ridge"]) / error(one["resilient"]) - 1))


def lost(networks: Networks) -> float:
    """By how much the loss at gamma = 0 differs from the one with gamma."""
    at_zero = error(networks, "error at 0")
    return abs(error(networks, "error at gamma") - at_zero) / at_zero


def rejected(part: Json, beta: float) -> float:
    """The share of strict models whose score test, for the largest group, rejects."""
    return mean(float(list(one["p"].values())[-1] <= LEVEL) for one in part["scores"] if one["beta"] == beta)


_vectors = partial(Claim, source=PROTOCOL, every=True, part=WEIGHT)

CLAIMS = (
    _vectors(
        "equality keeps up with strict",
        "(1) exact symmetry: equality, deployed at gamma = 0, has at most 1.25 times the error of strict",
        statistic=lambda part: ratio(part, 0.0, "equality", "strict"),
        at_most=1.25,
    ),
    _vectors(
        "equality beats free",
        "(1) exact symmetry: equality, deployed at gamma = 0, has at most 0.4 times the error of free",
        statistic=lambda part: ratio(part, 0.0, "equality", "free"),
        at_most=0.4,
    ),
    _vectors(
        "resilient wins on broken symmetry",
        "(2) beta = 1: resilient has at most 0.8 times the error of the better of strict and free",
        statistic=lambda part: ratio(part, 1.0, "resilient", "strict", "free"),
        at_most=0.8,
    ),
    _vectors(
        "gammas arrive",
        "(3) exact symmetry: equality ends with every |gamma| below 0.06 (largest of a network's layers)",
        statistic=lambda part: over([one for rules in cells(part, 0.0) for one in rules["equality"]], largest),
        at_most=0.06,
    ),
    _vectors(
        "nothing is lost at gamma = 0",
        "(3) exact symmetry: equality's losses with gamma and at gamma = 0 are within 5 %",
        statistic=lambda part: over(cells(part, 0.0), lambda rules: lost(rules["equality"])),
        at_most=0.05,
    ),
    _vectors(
        "gammas tell the break",
        "(4) resilient: the largest |gamma| grows at least fourfold from beta = 0 to beta = 1",
        statistic=lambda part: growth(part, largest_mean),
        at_least=4,
    ),
    _vectors(
        "asymmetry where the data have it",
        "(4) resilient: the equivariance error grows at least eightfold from beta = 0 to beta = 1",
        statistic=lambda part: growth(part, lambda networks: error(networks, "defect")),
        at_least=8,
    ),
    _vectors(
        "resilient is near its control",
        "(5) the ridge on gamma has the same stationary points: its error is within 45 % of resilient's",
        statistic=apart,
        at_most=0.45,
    ),
    _vectors(
        "the correction of scale is essential",
        "(6) exact symmetry: strict without kappa has at least 3 times the error of strict with it",
        statistic=lambda part: ratio(part, 0.0, "strict without kappa", "strict"),
        at_least=3,
    ),
    _vectors(
        "undamped does not arrive",
        "(7) exact symmetry: equality with c = 0 still has a |gamma| above 0.1 at the end (mean over networks)",
        statistic=lambda part: over(cells(part, 0.0), lambda rules: largest_mean(rules["equality undamped"])),
        at_least=0.1,
    ),
    _vectors(
        "the score test sees the break",
        "power: at beta = 1 the test of the strict models' last layers rejects (p <= 0.05) in most runs",
        statistic=lambda part: rejected(part, 1.0),
        at_least=0.5,
        when=lambda part: "scores" in part,
    ),
    Claim(
        "free training, then symmetry, beats symmetry all along",
        "charged particles: equality, deployed at gamma = 0, has a smaller error than strict (the source: an SEGNN's "
        "goes from 5.6e-3 to 3.8e-3)",
        "arXiv 2505.13631, N-body (second-hand)",
        lambda part: ratio(part, 0.0, "equality", "strict"),
        at_most=1.0,
        every=True,
        part=CHARGED,
    ),
    Claim(
        "equality keeps up with strict on inertia",
        "inertia under O(3), exact symmetry: equality has at most 1.25 times the error of strict",
        OURS,
        lambda part: ratio(part, 0.0, "equality", "strict"),
        at_most=1.25,
        every=True,
        part=INERTIA,
    ),
    Claim(
        "resilient wins on modified inertia",
        "inertia with a vertical, beta = 0.3: resilient has a smaller error than the better of strict and free",
        OURS,
        lambda part: ratio(part, 0.3, "resilient", "strict", "free"),
        at_most=1.0,
        every=True,
        part=INERTIA,
    ),
)
"""The table."""
