"""Where the bounds of the claims lie, which of the measures each reads, and a straw man for every one."""

from __future__ import annotations

import copy

import pytest

from haar.systems.claim import judge
from haar.systems.neural_differential_manifold.claims import CLAIMS

BOUNDS = {
    "beats a constant metric, sphere": ("median", 1.0, 1.01),
    "beats a constant metric, disc": ("median", 1.0, 1.01),
    "... and without symmetry": ("median", 1.0, 1.01),
    "curvature is exact": ("every", 1e-10, 1.1e-10),
    "motions are found": ("every", 0, 1),
    "order of geodesics": ("every", (14.0, 18.0), (13.9, 18.1)),
    "geodesics of a decoder": ("every", 1e-6, 1.1e-6),
    "no longer than straight lines": ("every", 1.0 + 1e-6, 1.0 + 2e-6),
    "natural steps": ("median", (3.5, 4.5), (3.4, 4.6)),
    "plain steps": ("median", (1.8, 2.2), (1.7, 2.3)),
    "random metrics have no symmetry": ("every", 0.05, 0.049),
    "averaged metrics have it, arithmetic": ("every", 1e-12, 1.1e-12),
    "averaged metrics have it, log-Euclidean": ("every", 1e-12, 1.1e-12),
    "their curvature is invariant": ("every", 1e-8, 1.1e-8),
    "a sphere is learned": ("median", 0.05, 0.051),
    "its curvature is seen": ("median", (1.5, 2.5), (1.4, 2.6)),
    "a penalty flattens": ("median", 0.5, 0.51),
    "... at a price": ("median", 1.0, 0.99),
    "averaging after training": ("every", 1.0, 1.01),
    "averaging in training": ("median", 1.0, 1.01),
    "averaging beside augmentation": ("median", 1.0, 1.01),
}


def row(count, constant, plain, augmented, after, within):
    names = ("constant", "plain", "augmented", "averaged after", "averaged within")
    errors = dict(zip(names, (constant, plain, augmented, after, within), strict=True))
    return {"observations": count, "errors": errors}


MADE = {
    "spaces": {
        "plane": {"error": 1e-12, "motions": 3, "known": 3},
        "sphere": {"error": 2e-12, "motions": 2, "known": 1},
        "decoder of a sphere": {"error": 3e-12},
    },
    "great circle": [64.0, 4.0, 0.25],
    "decoder": {"error": 1e-8, "shorter": [0.9, 0.95]},
    "averaged": [
        {"raw": 0.3, "mean": 1e-15, "log": 2e-15, "mean curvature": 3e-14, "log curvature": 4e-14},
        {"raw": 0.2, "mean": 5e-15, "log": 6e-15, "mean curvature": 7e-14, "log curvature": 8e-14},
    ],
    "charts": [{"natural": 4.1, "plain": 2.1}, {"natural": 3.9, "plain": 1.9}],
    "sphere": {
        "constant": {"error": 0.2},
        "learned": [
            {"penalty": 0.0, "error": 0.02, "curvature": 1.9, "size": 2.0},
            {"penalty": 0.3, "error": 0.1, "curvature": 0.04, "size": 0.05},
        ],
    },
    "disc": [row(100, 0.4, 0.5, 0.2, 0.25, 0.1), row(400, 0.4, 0.2, 0.1, 0.1, 0.05)],
}
READ = {
    "beats a constant metric, sphere": [0.1],
    "beats a constant metric, disc": [0.075 / 0.4],
    "... and without symmetry": [0.5],
    "curvature is exact": [1e-12, 2e-12, 3e-12],
    "motions are found": [1],
    "order of geodesics": [16.0, 16.0],
    "geodesics of a decoder": [1e-8],
    "no longer than straight lines": [0.9, 0.95],
    "natural steps": [4.1, 3.9],
    "plain steps": [2.1, 1.9],
    "random metrics have no symmetry": [0.3, 0.2],
    "averaged metrics have it, arithmetic": [1e-15, 5e-15],
    "averaged metrics have it, log-Euclidean": [2e-15, 6e-15],
    "their curvature is invariant": [3e-14, 4e-14, 7e-14, 8e-14],
    "a sphere is learned": [0.02],
    "its curvature is seen": [1.9],
    "a penalty flattens": [0.025],
    "... at a price": [5.0],
    "averaging after training": [0.5, 0.5],
    "averaging in training": [0.075 / 0.35],
    "averaging beside augmentation": [0.5],
}


def test_claims_read_the_numbers_that_they_are_about_and_are_bounded_as_is_said(holds_between):
    assert {claim.name: list(claim.values) for claim in judge(CLAIMS, [MADE])} == {
        name: pytest.approx(values) for name, values in READ.items()
    }
    holds_between(CLAIMS, BOUNDS)


def test_a_straw_man_contradicts_every_claim():
    made = copy.deepcopy(MADE)
    for space in made["spaces"].values():
        space["error"] = 0.5
    made["great circle"] = [4.0, 2.0, 1.0]
    made["decoder"] = {"error": 0.1, "shorter": [1.2, 1.3]}
    for one in made["averaged"]:
        one |= {"raw": 0.0, "mean": 0.1, "log": 0.1, "mean curvature": 0.1, "log curvature": 0.1}
    made["charts"] = [{"natural": 2.0, "plain": 4.0}]
    learned = {"penalty": 0.0, "error": 0.3, "curvature": 0.1, "size": 0.1}
    made["sphere"]["learned"] = [learned, {**learned, "penalty": 0.3, "error": 0.2, "size": 0.2}]
    made["disc"] = [row(100, 0.1, 0.2, 0.1, 0.3, 0.4), row(400, 0.1, 0.2, 0.1, 0.3, 0.4)]
    judged = judge(CLAIMS, [made] * 4)
    assert {claim.name: claim.verdict for claim in judged if claim.verdict != "contradicted"} == {}
