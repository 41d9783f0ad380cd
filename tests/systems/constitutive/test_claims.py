"""Where the bounds of the claims lie, which measures each reads, and straw men."""

from __future__ import annotations

import copy

from haar.systems.claim import judge
from haar.systems.constitutive import comparisons as c
from haar.systems.constitutive.claims import CLAIMS

NETWORKS = {
    "neo-Hookean": (c.ZERO, c.HOOKE, c.PLAIN, c.AUGMENTED, c.AVERAGED, c.TENSOR, c.BASIS, c.ENERGY),
    "lattice": (c.ZERO, c.HOOKE, c.PLAIN, c.AT_TEST, c.AUGMENTED, c.AVERAGED, c.TENSOR, c.WRONG, c.ENERGY),
    "hexagon": (c.ZERO, c.HOOKE, c.PLAIN, c.AT_TEST, c.AVERAGED, c.TENSOR, c.PRODUCTS, c.REGULAR, c.ENERGY),
    "plastic": (c.ZERO, c.HOOKE, c.PLAIN, c.AT_TEST, c.AVERAGED, c.TENSOR, c.SLIDING),
    "zener": (c.ZERO, c.HOOKE, c.PLAIN, c.AT_TEST, c.AVERAGED, c.TENSOR, c.STANDARD),
    "orientations": (c.ZERO, c.HOOKE, c.PLAIN, c.AT_TEST, c.AUGMENTED, c.AVERAGED, c.ENERGY),
}
SAMPLES = {
    "neo-Hookean": "50",
    "lattice": "200",
    "hexagon": "500",
    "plastic": "40",
    "zener": "40",
    "orientations": "50",
}
#: Errors on which every claim holds, by a little.
GOOD = {
    "neo-Hookean": {c.ZERO: 1.0, c.HOOKE: 0.5, c.PLAIN: 0.4, c.AUGMENTED: 0.18, c.TENSOR: 0.15, c.ENERGY: 0.14},
    "lattice": {c.ZERO: 1.0, c.HOOKE: 0.5, c.TENSOR: 0.04, c.WRONG: 0.41},
    "hexagon": {c.ZERO: 1.0, c.HOOKE: 0.5, c.TENSOR: 0.41, c.PRODUCTS: 0.08, c.ENERGY: 0.07},
    "plastic": {
        c.ZERO: 1.0, c.HOOKE: 0.5, c.PLAIN: 0.4, c.AT_TEST: 0.39, c.AVERAGED: 0.38, c.TENSOR: 0.3, c.SLIDING: 0.29,
    },
    "zener": {c.ZERO: 1.0, c.HOOKE: 0.5, c.PLAIN: 0.4, c.STANDARD: 0.19},
    "orientations": {c.ZERO: 1.0, c.HOOKE: 0.5, c.PLAIN: 0.4, c.AUGMENTED: 0.04, c.ENERGY: 0.039},
}  # fmt: skip
EXACT = {c.TENSOR, c.PRODUCTS, c.REGULAR, c.ENERGY, c.STANDARD, c.SLIDING, c.AVERAGED, c.AT_TEST}


def good():
    """Measures on which every claim holds."""
    made = {}
    for kind, names in NETWORKS.items():
        cells = {}
        for name in names:
            error = GOOD[kind].get(name, 0.3)
            defect = 1e-13 if name in EXACT else 0.02
            cells[name] = {"error": error, "squares": [error] * 5, "parameters": 7, "defect": defect, "rate": 0.01}
        made[kind] = {SAMPLES[kind]: cells}
    law = {"reaction": 0.05, "steps": [4], "residuals": [[1.0, 0.1, 1e-3, 1e-7]], "order": 1.85}
    made["readings"] = {
        "cycles": {"invariant energy": [1e-15], "convex energy": [1e-16], "tensor network": [0.01], "plain": [0.02]},
        "dissipation": {"standard material": 1e-6, "sliding elements": 0.0},
        "orbits": {"plain": 0.2, "averaged": 0.1},
        "axes": {"angle": 20.0, "degrees": 0.9, "error": 1e-3, "starts": [0.1]},
        "plate": {
            "own law": law,
            "learned law": copy.deepcopy(law),
            "training error": 1e-5,
            "displacement error": 0.015,
        },
    }
    return made


def _error(kind, name, error):
    def spoil(m):
        m[kind][SAMPLES[kind]][name].update(error=error, squares=[error] * 5)

    return spoil


def _reading(key, **values):
    return lambda m: m["readings"][key].update(values)


#: What contradicts each claim alone.
SPOILT = {
    **{f"{kind}: no stress": _error(kind, c.ZERO, 0.001) for kind in NETWORKS},
    **{f"{kind}: Hooke's law": _error(kind, c.HOOKE, 0.001) for kind in NETWORKS},
    "exact": lambda m: m["lattice"]["200"][c.TENSOR].update(defect=1.1e-12),
    "isotropic: plain": _error("neo-Hookean", c.PLAIN, 0.37),
    "isotropic: augmented": _error("neo-Hookean", c.AUGMENTED, 0.166),
    "isotropic: energy": _error("neo-Hookean", c.ENERGY, 0.151),
    "too large a group": _error("lattice", c.WRONG, 0.39),
    "tensor features": _error("hexagon", c.PRODUCTS, 0.083),
    "the floor is no matter of training": _error("hexagon", c.ENERGY, 0.083),
    "paths: averaged at test time": _error("plastic", c.PLAIN, 0.389),
    "paths: averaged in training": _error("plastic", c.AVERAGED, 0.391),
    "standard material": _error("zener", c.PLAIN, 0.37),
    "dissipation": _reading("dissipation", **{"sliding elements": -1.1e-14}),
    "averaging never harms": _reading("orbits", averaged=0.2001),
    "axes": _reading("axes", degrees=1.01),
    "unseen orientations: plain": _error("orientations", c.PLAIN, 0.38),
    "unseen orientations: augmented": _error("orientations", c.AUGMENTED, 0.0389),
    "closed cycles: energy": _reading("cycles", **{"convex energy": [1.1e-10]}),
    "closed cycles: no energy": _reading("cycles", **{"tensor network": [9e-7]}),
    "Newton": lambda m: m["readings"]["plate"]["learned law"].update(order=1.79),
    "Newton's steps": lambda m: m["readings"]["plate"]["learned law"].update(steps=[5]),
    "the plate": _reading("plate", **{"displacement error": 0.021}),
}


def _contradicted(m):
    return {claim.name for claim in judge(CLAIMS, 3 * [m]) if claim.verdict == "contradicted"}


def test_all_hold_on_good_measures():
    assert {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [good()]) if not claim.holds} == {}


def test_each_is_contradicted_just_outside_its_bound():
    for name, spoil in SPOILT.items():
        bad = good()
        spoil(bad)
        assert _contradicted(bad) == {name}, name


def test_those_that_hang_together():
    bad = good()
    _error("plastic", c.TENSOR, 0.41)(bad)
    assert _contradicted(bad) == {"paths: tensors"}
    bad = good()
    for kind in NETWORKS:
        bad[kind][SAMPLES[kind]][c.PLAIN]["defect"] = 0.009
    assert _contradicted(bad) == {"plain networks are not"}
    assert set(SPOILT) | {"paths: tensors", "plain networks are not"} == {claim.name for claim in CLAIMS}


def test_networks_that_learn_nothing_from_their_symmetry_hold_nothing():
    """A straw man: every network has the plain one's error and defect, and the law its own tangent is not."""
    bad = good()
    for kind, cells in ((kind, bad[kind][SAMPLES[kind]]) for kind in NETWORKS):
        for k, network in enumerate(cells.values()):
            network.update(error=0.5 + 0.01 * k, squares=[0.5 + 0.01 * k] * 5, defect=0.3)
        assert kind
    bad["readings"]["plate"]["learned law"].update(order=1.0, steps=[9])
    held = {claim.name for claim in judge(CLAIMS, 3 * [bad]) if claim.holds}
    assert not held & {
        "exact",
        "isotropic: plain",
        "too large a group",
        "tensor features",
        "standard material",
        "Newton",
    }


def test_none_of_what_is_not_finite_holds():
    bad = good()
    bad["lattice"]["200"][c.TENSOR].update(error=None, squares=[None] * 5, defect=None)
    open_now = {claim.name for claim in judge(CLAIMS, 3 * [bad]) if claim.verdict == "open"}
    assert {"exact", "too large a group", "lattice: no stress"} <= open_now
