"""Where the bounds of the claims lie, and which of the measures each reads."""

from __future__ import annotations

import copy

import pytest

from haar.systems.claim import judge
from haar.systems.dynamic_sparse_training.claims import CLAIMS

BOUNDS = {
    "digits: as many dense weights": ("median", 0.0, -0.001),
    "digits: linear model": ("median", 0.0, -0.001),
    "digits: most frequent digit": ("median", 0.5, 0.49),
    "digits: dense": ("median", 0.0, -0.001),
    "digits: RigL and SET": ("median", -0.01, -0.011),
    "digits: SET and static": ("median", 0.03, 0.029),
    "digits: tuned": ("median", 0.03, 0.031),
    "digits: 90 %": ("median", 0.02, 0.021),
    "digits: revival": ("median", 0.0, -0.001),
    "control: it has learned": ("median", -400.0, -401.0),
    "control: random actions": ("median", 0.0, -1.0),
    "control: dense": ("median", 0.0, -1.0),
    "control: each at its best rate": ("median", 0.0, -1.0),
    "control: as many dense weights": ("median", 0.0, -1.0),
    "control: swapped": ("median", 0.0, -1.0),
    "control: static": ("median", 0.0, -1.0),
    "control: revival": ("median", 0.0, -1.0),
    "orbits: exact": ("every", 1e-12, 1.1e-12),
    "orbits: entries": ("median", 0.1, 0.09),
    "orbits: error": ("median", 1.0, 1.01),
    "orbits: rewiring": ("median", 1.0, 1.01),
}


def _reads(*accuracy):
    return {"accuracy": list(accuracy)}


def _agent(*last):
    return {"returns": [-1000.0, -1200.0, -1100.0, -900.0, -800.0, -700.0, *last]}


MADE = {
    "digits": {
        "dense": _reads(0.98, 0.96),
        "RigL": _reads(0.93, 0.95),
        "SET": _reads(0.92, 0.93),
        "static": _reads(0.85, 0.88),
        "revival": _reads(0.90, 0.91),
        "RigL, lower": _reads(0.97, 0.96),
        "static, lower": _reads(0.96, 0.96),
        "dense, tuned": _reads(0.99, 0.97),
        "RigL, tuned": _reads(0.97, 0.97),
        "narrow": _reads(0.96, 0.94),
        "linear": _reads(0.95, 0.91),
        "most frequent": 0.11,
    },
    "control": {
        "dense": _agent(-100, -200, -300, -200, -200),
        "module-specific": _agent(-100, -100, -100, -200, -200),
        "dense at 0.003": _agent(-100, -150, -150, -150, -150),
        "module-specific at 0.003": _agent(-200, -200, -300, -200, -200),
        "narrow": _agent(-100, -150, -150, -200, -200),
        "swapped": _agent(-100, -120, -120, -200, -200),
        "static": _agent(-110, -120, -120, -200, -200),
        "revival": _agent(-100, -100, -100, -100, -200),
    },
    "orbits": {
        "orbits": {
            "dense": {"defect": 4e-16, "error": 0.1},
            "static": {"defect": 3e-16, "error": 0.4},
            "SET": {"defect": 2e-16, "error": 0.3},
            "RigL": {"defect": 1e-16, "error": 0.1},
        },
        "entries": {
            "dense": {"defect": 0.9, "error": 0.2},
            "static": {"defect": 2.0, "error": 0.9},
            "SET": {"defect": 1.5, "error": 0.6},
            "RigL": {"defect": 1.0, "error": 0.5},
        },
    },
}
READ = {
    "digits: as many dense weights": [0.02],
    "digits: linear model": [0.04],
    "digits: most frequent digit": [0.83],
    "digits: dense": [0.03],
    "digits: RigL and SET": [0.015],
    "digits: SET and static": [0.06],
    "digits: tuned": [0.01],
    "digits: 90 %": [0.005],
    "digits: revival": [-0.035],
    "control: it has learned": [-200.0],
    "control: random actions": [860.0],
    "control: dense": [60.0],
    "control: each at its best rate": [0.0],
    "control: as many dense weights": [20.0],
    "control: swapped": [8.0],
    "control: static": [10.0],
    "control: revival": [20.0],
    "orbits: exact": [4e-16, 3e-16, 2e-16, 1e-16],
    "orbits: entries": [1.5],
    "orbits: error": [0.5],
    "orbits: rewiring": [0.25],
}
#: Measures of what has nothing to show: everything reads as the most frequent digit, acts at random, breaks and errs.
NOTHING = {
    "digits": {
        name: 0.95 if name == "most frequent" else _reads(*(3 * [{"narrow": 0.5, "linear": 0.5}.get(name, 0.2)]))
        for name in MADE["digits"]
    },
    "control": {name: _agent(*(5 * [-1100.0])) for name in MADE["control"]},
    "orbits": {
        "orbits": {name: {"defect": 1.0, "error": 2.0 if name == "RigL" else 1.0} for name in MADE["orbits"]["orbits"]},
        "entries": {name: {"defect": 0.0, "error": 0.5} for name in MADE["orbits"]["entries"]},
    },
}


def test_claims_read_the_numbers_that_they_are_about_and_are_bounded_as_is_said(holds_between):
    found = {claim.name: list(claim.values) for claim in judge(CLAIMS, [MADE])}
    assert found == {name: pytest.approx(values, abs=1e-12) for name, values in READ.items()}
    holds_between(CLAIMS, BOUNDS)


def test_what_has_nothing_to_show_is_contradicted():
    found = {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [NOTHING])}
    said = {
        "digits: as many dense weights", "digits: linear model", "digits: most frequent digit",
        "digits: SET and static", "control: it has learned", "control: random actions",
        "orbits: exact", "orbits: entries", "orbits: error", "orbits: rewiring",
    }  # fmt: skip
    assert {name for name, verdict in found.items() if verdict == "contradicted"} == said
    assert not any(name in found for name in ("control: dense", "control: swapped", "control: revival"))  # void


#: For each claim that a bad network meets by chance, measures that must contradict it.
TURNED = {
    "digits: dense": ("digits", "dense", _reads(0.5, 0.5)),
    "digits: RigL and SET": ("digits", "SET", _reads(0.99, 0.99)),
    "digits: tuned": ("digits", "RigL, tuned", _reads(0.9, 0.9)),
    "digits: 90 %": ("digits", "static, lower", _reads(0.9, 0.9)),
    "digits: revival": ("digits", "revival", _reads(0.5, 0.5)),
    "control: dense": ("control", "module-specific", _agent(*(5 * [-900]))),
    "control: each at its best rate": ("control", "module-specific", _agent(*(5 * [-900]))),
    "control: as many dense weights": ("control", "module-specific", _agent(*(5 * [-900]))),
    "control: swapped": ("control", "module-specific", _agent(*(5 * [-900]))),
    "control: static": ("control", "module-specific", _agent(*(5 * [-900]))),
    "control: revival": ("control", "revival", _agent(*(5 * [-900]))),
}


@pytest.mark.parametrize("name", TURNED)
def test_the_reverse_is_contradicted(name):
    part, key, other = TURNED[name]
    made = copy.deepcopy(MADE)
    made[part][key] = other
    (found,) = [claim for claim in judge(CLAIMS, 3 * [made]) if claim.name == name]
    assert found.verdict == "contradicted"


def test_comparisons_are_void_where_the_dense_agent_has_learned_nothing():
    made = copy.deepcopy(MADE)
    made["control"]["dense"] = _agent(*(5 * [-401]))
    assert "control: dense" not in {claim.name for claim in judge(CLAIMS, [made])}
    made["control"]["dense"] = _agent(*(5 * [-400]))
    assert "control: dense" in {claim.name for claim in judge(CLAIMS, [made])}
