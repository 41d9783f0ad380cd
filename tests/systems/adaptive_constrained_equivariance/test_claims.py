"""Where the bounds of the claims lie, which of the measures each reads, and what contradicts it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from relaxed_measures import made, network, without_numbers

from haar.systems.adaptive_constrained_equivariance.claims import CLAIMS
from haar.systems.adaptive_constrained_equivariance.recipe import RECIPE
from haar.systems.claim import judge

#: Parts that stand for the others where all would take long.
FEW = ("order 6", "charged particles", "inertia", "walking")
#: Numbers just inside the bound and just outside, by how a claim's name begins.
BOUNDS = {
    "equality beats a linear model": (1.0, 1.01),
    "equality keeps up with strict": (1.25, 1.26),
    "equality beats free": (0.4, 0.41),
    "gammas arrive": (0.06, 0.061),
    "nothing is lost at gamma = 0": ((0.95, 1.05), (0.949, 1.051)),
    "the correction of scale is essential": (3, 2.9),
    "undamped does not arrive": (0.1, 0.099),
    "resilient beats a linear model": (1.0, 1.01),
    "resilient beats residual pathways": (1.0, 1.01),
    "resilient beats strict on broken symmetry": (0.8, 0.81),
    "resilient beats free on broken symmetry": (0.8, 0.81),
    "gammas tell the break, step": (1.0, 0.99),
    "gammas tell the break, ": (4, 3.9),
    "asymmetry where the data have it, step": (1.0, 0.99),
    "asymmetry where the data have it, ": (8, 7.9),
    "resilient is near its control": ((0.55, 1.45), (0.54, 1.46)),
    "the score test sees the break": (0.5, 0.49),
    "the score test keeps its level": ((0.01, 0.09), (0.009, 0.091)),
    "equality escapes the bad minimum of strict": (0.0, 0.001),
    "fewer samples do": (1.0, 1.01),
    "no network of": (0.0, 0.01),
    "equality against strict: inertia": (1.25, 1.26),
    "equality against strict: walking": (1.25, 1.26),
    "equality against": (1.0, 1.01),
    "equality with its gammas against strict": (1.0, 1.01),
    "resilient against": (1.0, 1.01),
}


def kind(name):
    """How it begins: the first of those told that fits."""
    return next(start for start in BOUNDS if name.startswith(start))


def _asked(said):
    """Of which rules a claim is: not of those whose names begin alike."""
    return said.replace("equality with c = 0", "undamped").replace("resilient with a chosen price", "price chosen")


def several(each):
    return each if isinstance(each, tuple) else (each,)


def verdict(claim, number):
    """What is said where six seeds give the same number."""
    bare = replace(claim, statistic=lambda _: number, part=(), when=None)
    return judge([bare], [{}] * 6)[0].verdict


@pytest.mark.parametrize("start", BOUNDS)
def test_bounds_are_those_of_the_protocol(start):
    claims = [claim for claim in CLAIMS if kind(claim.name) == start]
    inside, outside = map(several, BOUNDS[start])
    assert claims
    for claim in claims:
        assert not claim.every, claim.name
        assert {verdict(claim, number) for number in inside} == {"holds"}, claim.name
        assert {verdict(claim, number) for number in outside} == {"contradicted"}, claim.name


def test_every_claim_holds_where_its_effect_shows():
    judged = judge(CLAIMS, [made()] * 3)
    assert {claim.name: claim.verdict for claim in judged if not claim.holds} == {}
    assert {claim.name for claim in judged} == {claim.name for claim in CLAIMS}


def test_every_claim_is_contradicted_by_rules_that_learn_nothing():
    """The mean in place of every rule, gammas that stay where they are, tests that never reject, runs that diverge."""
    judged = judge(CLAIMS, [made(shown=False)] * 3)
    assert {claim.name: claim.verdict for claim in judged if claim.verdict != "contradicted"} == {}


@pytest.mark.parametrize("lost", ["equality", "resilient", "linear model", "straight on"])
def test_a_network_that_died_leaves_open_what_is_said_of_its_rule(lost):
    whole, broken = made(parts=FEW), made(parts=FEW)
    if lost in ("equality", "resilient"):
        broken = without_numbers(broken, lost)
    else:
        for part in broken.values():
            for cell in part["cells"].values():
                cell["rules"][lost][0]["error"] = None
    verdicts = {claim.name: claim.verdict for claim in judge(CLAIMS, [whole, broken, whole])}
    asked = [claim for claim in CLAIMS if lost in _asked(claim.claim)]
    of_it = {claim.name for claim in asked if claim.name in verdicts}
    assert of_it
    assert {verdicts[name] for name in of_it} == {"open"}
    assert {verdict for name, verdict in verdicts.items() if name not in of_it} == {"holds"}


def test_one_seed_with_few_networks_says_nothing():
    assert {claim.verdict for claim in judge(CLAIMS, [made(networks=2, parts=FEW)])} <= {"open", "holds"}
    (claim,) = [claim for claim in CLAIMS if claim.name == "equality keeps up with strict, C4, n = 256"]
    assert judge([claim], [made(networks=2)])[0].verdict == "open"


def networks(first, second, gamma=(0.1, -0.2), at_gamma=0.0, defects=(0.01, 0.03)):
    """Two networks with these errors; their largest |gamma| are the two told."""
    return [
        network(error)
        | {"error at 0": 10 * error, "error at gamma": 10 * error + at_gamma, "defect": defect}
        | {"gamma": {"0": 0.5 * size, "2": size, "4": -0.2 * size}}
        for error, size, defect in zip((first, second), gamma, defects, strict=True)
    ]


def cell(samples, beta, **rules):
    rules = {name.replace("_", " "): of for name, of in rules.items()}
    return {"samples": samples, "beta": beta, "rules": {**rules, "linear model": networks(3.0, 5.0)}}


def score(beta, *p):
    return {"samples": 128, "beta": beta, "p": dict(zip(("<r180>", "C4"), p, strict=True))}


MADE = {
    "weight": {
        "cells": {
            "128, 0": cell(
                128, 0.0, strict=networks(1.0, 3.0), free=networks(4.0, 6.0), ridge=networks(1.0, 2.0),
                equality=networks(1.0, 1.4, (0.01, -0.05), at_gamma=-0.3), resilient=networks(1.0, 1.0, (0.1, 0.1)),
                strict_without_kappa=networks(8.0, 10.0), equality_undamped=networks(1.0, 1.0, (-0.3, 0.1)),
            ),
            "128, 0.5": cell(
                128, 0.5, resilient=networks(1.0, 2.0, (0.2, -0.2), defects=(0.1, 0.1)), ridge=networks(1.0, 1.4),
            ),
            "128, 1": cell(
                128, 1.0, strict=networks(5.0, 5.0), free=networks(2.0, 4.0), ridge=networks(2.0, 3.0),
                resilient=networks(1.0, 2.0, (0.8, -1.2), defects=(0.5, 0.7)),
            ),
        },
        "scores": [score(0.0, 0.01, 0.01), score(1.0, 0.9, 0.05), score(1.0, 0.01, 0.06), score(1.0, 0.9, 0.01),
                   score(1.0, 0.01, 0.5)],
    },
    "charged particles": {
        "cells": {
            "200, 0": cell(200, 0.0, strict=networks(2.0, 2.0), equality=networks(1.5, 1.7)),
            "360, 0": cell(360, 0.0, strict=networks(1.0, 2.0), equality=networks(0.6, 0.9)),
        }
    },
}  # fmt: skip
READ = {
    "equality beats a linear model": 1.2 / 4,
    "equality keeps up with strict": 1.2 / 2.0,
    "equality beats free": 1.2 / 5.0,
    "gammas arrive": 0.05,
    "nothing is lost at gamma = 0": 11.7 / 12,
    "the correction of scale is essential": 9.0 / 2.0,
    "undamped does not arrive": 0.2,
    "resilient beats a linear model": 1.5 / 4,
    "resilient beats strict on broken symmetry": 1.5 / 5.0,
    "resilient beats free on broken symmetry": 1.5 / 3.0,
    "gammas tell the break": 1.0 / 0.1,
    "gammas tell the break, step by step": 0.2 / 0.1,
    "asymmetry where the data have it": 0.6 / 0.02,
    "asymmetry where the data have it, step by step": 0.1 / 0.02,
    "resilient is near its control, beta = 0": 1.5 / 1.0,
    "resilient is near its control, beta = 0.5": 1.2 / 1.5,
    "resilient is near its control, beta = 1": 2.5 / 1.5,
}


def test_claims_read_the_numbers_that_they_are_about():
    found = {claim.name: list(claim.values) for claim in judge(CLAIMS, [MADE])}
    wanted = {f"{name}, C4, n = 128": [pytest.approx(number)] for name, number in READ.items()}
    wanted |= {
        "the score test sees the break, trained to the end": [0.5],
        "equality against strict: charged particles, 200, 0": [pytest.approx(0.8)],
        "equality against strict: charged particles, 360, 0": [pytest.approx(0.5)],
        "fewer samples do: 200 as 360": [pytest.approx(1.6 / 1.5)],
    }
    assert found == wanted


def test_the_presets_measure_what_is_claimed():
    """Every claim is one about a cell that some preset has."""
    measured = {
        (part["name"], f"{n}, {beta:g}")
        for preset in RECIPE.presets.values()
        for part in preset["parts"]
        for n in part["samples"]
        for beta in part["betas"]
    }
    claimed = {claim.part for claim in CLAIMS if isinstance(claim.part, tuple) and len(claim.part) == 3}
    assert {(part, cell) for part, _, cell in claimed} <= measured
