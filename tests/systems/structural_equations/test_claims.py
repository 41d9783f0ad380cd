"""Where the bounds of the claims lie, which of the measures each reads, and a straw man for every one."""

from __future__ import annotations

import copy

import pytest

from haar.systems.claim import judge
from haar.systems.structural_equations.claims import CLAIMS

EXACT = {
    "linear players": (1e-10, 1.1e-10),
    "linear players, ridge": (1e-10, 1.1e-10),
    "inner maximum": (1e-10, 1.1e-10),
    "a linear game ends there": (1e-12, 1.1e-12),
    "simultaneous steps spiral": (1e-10, 1.1e-10),
    "extragradient contracts": (1e-10, 1.1e-10),
    "optimistic steps arrive": (0.5, 0.51),
    "Bellman equation": (1e-10, 1.1e-10),
    "wages": (1e-8, 1.1e-8),
    "wages, card": (5e-6, 5.1e-6),
    "wages, played": (1e-8, 1.1e-8),
    "symmetry is exact": (1e-6, 1.1e-6),
}
BOUNDS = {
    "kink: beats a constant": ("median", 1.0, 1.01),
    "kink: averaging": ("median", 1.0, 1.01),
    "kink: beats the regression": ("median", 3.0, 2.99),
    "jump: beats a constant": ("median", 1.0, 1.01),
    "jump: averaging": ("median", 1.0, 1.01),
    "jump: beats the regression": ("median", 2.0, 1.99),
    "kink: beats powers": ("median", 1.0, 0.99),
    "smooth: powers are better": ("median", 1.0, 1.01),
    "symmetry helps": ("median", 0.8, 0.79),
    "Bellman equation, from samples": ("median", 1.0, 1.01),
    **{name: ("every", *bounds) for name, bounds in EXACT.items()},
}


def function(averaged, last, regression, constant, chosen):
    errors = {
        "game, averaged": averaged,
        "game, last iterate": last,
        "regression": regression,
        "constant": constant,
        "2SLS, degree chosen": chosen,
    }
    return {"errors": {name: [error, 2 * error, 4 * error] for name, error in errors.items()}}


def plane(rows, plain, invariant, defect):
    errors = {"game, plain": plain, "game, f invariant": invariant}
    return {"rows": rows, "errors": errors, "defects": {"game, f invariant": defect, "game, f and u invariant": defect}}


MADE = {
    "functions": {
        "abs": function(0.01, 0.1, 0.16, 0.8, 0.04),
        "step": function(0.02, 0.1, 0.16, 0.25, 0.05),
        "sin": function(0.1, 0.4, 0.1, 0.5, 0.05),
    },
    "plane": {
        "2000 rows": plane(2000, [0.1] * 3, [0.2] * 3, 2e-7),
        "500 rows": plane(500, [0.3, 0.4, 0.5], [0.2, 0.3, 0.4], 1e-7),
    },
    "linear": {
        "two stages": 1e-15,
        "just identified": 2e-15,
        "least squares": 3e-15,
        "ridge": 4e-15,
        "inner maximum": 5e-16,
        "played": 6e-15,
    },
    "bilinear": {"growth": 1e-16, "contraction": 2e-16, "optimistic": 0.25},
    "chain": {"exact": 1e-15, "learned": 0.05, "constant": 0.5},
    "wages": {
        "card": {"apart": 1e-11, "played": 1e-9, "least squares": 0.074009, "two stages": 0.160849},
        "mroz": {"apart": 2e-11, "played": 2e-9, "least squares": 0.1, "two stages": 0.06},
    },
}
READ = {
    "kink: beats a constant": [0.0125],
    "kink: averaging": [0.1],
    "kink: beats the regression": [16.0],
    "jump: beats a constant": [0.08],
    "jump: averaging": [0.2],
    "jump: beats the regression": [8.0],
    "kink: beats powers": [4.0],
    "smooth: powers are better": [0.5],
    "symmetry helps": [1.0],
    "symmetry is exact": [2e-7, 2e-7, 1e-7, 1e-7],
    "Bellman equation, from samples": [0.1],
    "linear players": [1e-15, 2e-15, 3e-15],
    "linear players, ridge": [4e-15],
    "inner maximum": [5e-16],
    "a linear game ends there": [6e-15],
    "simultaneous steps spiral": [1e-16],
    "extragradient contracts": [2e-16],
    "optimistic steps arrive": [0.25],
    "Bellman equation": [1e-15],
    "wages": [1e-11, 2e-11],
    "wages, card": [1e-6, 1e-6],
    "wages, played": [1e-9, 2e-9],
}


def test_claims_read_the_numbers_that_they_are_about_and_are_bounded_as_is_said(holds_between):
    found = {claim.name: list(claim.values) for claim in judge(CLAIMS, [MADE])}
    assert found == {name: pytest.approx(values, rel=1e-6) for name, values in READ.items()}
    holds_between(CLAIMS, BOUNDS)


def _set(*path, to):
    def spoil(measures):
        for key in path[:-1]:
            measures = measures[key]
        measures[path[-1]] = to

    return spoil


STRAW = {
    "kink: beats a constant": _set("functions", "abs", "errors", "constant", to=[0.001] * 3),
    "kink: averaging": _set("functions", "abs", "errors", "game, last iterate", to=[0.001] * 3),
    "kink: beats the regression": _set("functions", "abs", "errors", "regression", to=[0.01] * 3),
    "jump: beats a constant": _set("functions", "step", "errors", "constant", to=[0.001] * 3),
    "jump: averaging": _set("functions", "step", "errors", "game, last iterate", to=[0.001] * 3),
    "jump: beats the regression": _set("functions", "step", "errors", "regression", to=[0.02] * 3),
    "kink: beats powers": _set("functions", "abs", "errors", "2SLS, degree chosen", to=[0.001] * 3),
    "smooth: powers are better": _set("functions", "sin", "errors", "2SLS, degree chosen", to=[9.0] * 3),
    "symmetry helps": _set("plane", "500 rows", "errors", "game, plain", to=[0.1] * 3),
    "symmetry is exact": _set("plane", "500 rows", "defects", "game, f invariant", to=1e-3),
    "Bellman equation, from samples": _set("chain", "learned", to=0.9),
    "linear players": _set("linear", "two stages", to=1e-3),
    "linear players, ridge": _set("linear", "ridge", to=1e-3),
    "inner maximum": _set("linear", "inner maximum", to=1e-3),
    "a linear game ends there": _set("linear", "played", to=1e-3),
    "simultaneous steps spiral": _set("bilinear", "growth", to=1e-3),
    "extragradient contracts": _set("bilinear", "contraction", to=1e-3),
    "optimistic steps arrive": _set("bilinear", "optimistic", to=1.5),
    "Bellman equation": _set("chain", "exact", to=1e-3),
    "wages": _set("wages", "mroz", "apart", to=1e-3),
    "wages, card": _set("wages", "card", "two stages", to=0.07401),
    "wages, played": _set("wages", "card", "played", to=1e-3),
}


def test_every_claim_holds_on_what_should_be_seen_and_falls_to_its_straw_man():
    assert set(STRAW) == {claim.name for claim in CLAIMS}
    assert {claim.name for claim in judge(CLAIMS, 3 * [MADE]) if not claim.holds} == set()
    for name, spoil in STRAW.items():
        bad = copy.deepcopy(MADE)
        spoil(bad)
        assert {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [bad]) if not claim.holds} == {
            name: "contradicted"
        }


def test_functions_that_were_not_played_are_not_judged():
    without = {**MADE, "functions": {"x": MADE["functions"]["abs"]}}
    names = {claim.name for claim in judge(CLAIMS, [without])}
    assert not any(name.startswith(("kink", "jump", "smooth")) for name in names)
    assert "wages" in names
