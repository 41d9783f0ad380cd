"""Where the bounds of the claims lie, and which of the measures each reads."""

from __future__ import annotations

import pytest

from haar.systems.adaptive_constrained_equivariance.claims import CLAIMS
from haar.systems.claim import judge

BOUNDS = {
    "equality keeps up with strict": ("every", 1.25, 1.26),
    "equality beats free": ("every", 0.4, 0.41),
    "resilient wins on broken symmetry": ("every", 0.8, 0.81),
    "gammas arrive": ("every", 0.06, 0.061),
    "nothing is lost at gamma = 0": ("every", 0.05, 0.051),
    "gammas tell the break": ("every", 4, 3.9),
    "asymmetry where the data have it": ("every", 8, 7.9),
    "resilient is near its control": ("every", 0.45, 0.46),
    "the correction of scale is essential": ("every", 3, 2.9),
    "undamped does not arrive": ("every", 0.1, 0.099),
    "the score test sees the break": ("every", 0.5, 0.49),
    "free training, then symmetry, beats symmetry all along": ("every", 1.0, 1.01),
    "equality keeps up with strict on inertia": ("every", 1.25, 1.26),
    "resilient wins on modified inertia": ("every", 1.0, 1.01),
}


def networks(first, second, gamma=(0.1, -0.2), at_gamma=0.0, defects=(0.01, 0.03)):
    """Two networks with these errors; their largest |gamma| are the two told."""
    return [
        {
            "error": error,
            "error at 0": 10 * error,
            "error at gamma": 10 * error + at_gamma,
            "defect": defect,
            "gamma": {"0": 0.5 * size, "2": size, "4": -0.2 * size},
        }
        for error, size, defect in zip((first, second), gamma, defects, strict=True)
    ]


def cell(samples, beta, **rules):
    return {"samples": samples, "beta": beta, "rules": {name.replace("_", " "): of for name, of in rules.items()}}


def score(beta, *p):
    return {"samples": 16, "beta": beta, "p": dict(zip(("<r180>", "C4"), p, strict=True))}


MADE = {
    "weight": {
        "cells": {
            "16, 0": cell(
                16, 0.0, strict=networks(1.0, 3.0), free=networks(4.0, 6.0), ridge=networks(1.0, 2.0),
                equality=networks(1.0, 1.4, (0.01, -0.05), at_gamma=-0.3), resilient=networks(1.0, 1.0, (0.1, 0.1)),
                strict_without_kappa=networks(8.0, 10.0), equality_undamped=networks(1.0, 1.0, (-0.3, 0.1)),
            ),
            "64, 0": cell(
                64, 0.0, strict=networks(0.5, 0.5), free=networks(2.0, 2.0), ridge=networks(0.2, 0.2),
                equality=networks(0.6, 0.6, (-0.02, 0.03), at_gamma=0.3), resilient=networks(0.4, 0.4, (0.2, 0.4)),
                strict_without_kappa=networks(2.5, 2.5), equality_undamped=networks(1.0, 1.0, (0.2, 0.1)),
            ),
            "16, 1": cell(
                16, 1.0, strict=networks(5.0, 5.0), free=networks(2.0, 4.0), ridge=networks(2.0, 3.0),
                equality=networks(9.0, 9.0), resilient=networks(1.0, 2.0, (0.8, -1.2), defects=(0.5, 0.7)),
            ),
            "64, 1": cell(
                64, 1.0, strict=networks(1.0, 1.0), free=networks(2.0, 2.0), ridge=networks(0.8, 0.8),
                equality=networks(9.0, 9.0), resilient=networks(0.8, 0.8, (3.0, 3.0), defects=(0.3, 0.3)),
            ),
        },
        "scores": [score(0.0, 0.01, 0.01), score(1.0, 0.9, 0.05), score(1.0, 0.01, 0.06), score(1.0, 0.9, 0.01),
                   score(1.0, 0.01, 0.5)],
    },
    "charged particles": {"cells": {"16, 0": cell(16, 0.0, strict=networks(2.0, 2.0), equality=networks(1.5, 1.7))}},
    "inertia": {
        "cells": {
            "16, 0": cell(16, 0.0, strict=networks(2.0, 2.0), equality=networks(2.1, 2.1)),
            "16, 0.3": cell(
                16, 0.3, strict=networks(2.0, 2.0), free=networks(1.0, 1.0), equality=networks(9.0, 9.0),
                resilient=networks(0.7, 0.7),
            ),
        }
    },
}  # fmt: skip
READ = {
    "equality keeps up with strict": [1.2 / 2.0, 0.6 / 0.5],
    "equality beats free": [1.2 / 5.0, 0.6 / 2.0],
    "resilient wins on broken symmetry": [1.5 / 3.0, 0.8 / 1.0],
    "gammas arrive": [0.01, 0.05, 0.02, 0.03],
    "nothing is lost at gamma = 0": [0.3 / 12, 0.3 / 6],
    "gammas tell the break": [1.0 / 0.1, 3.0 / 0.3],
    "asymmetry where the data have it": [0.6 / 0.02, 0.3 / 0.02],
    "resilient is near its control": [0.5, 0.5, 2.5 / 1.5 - 1, 0.0],
    "the correction of scale is essential": [9.0 / 2.0, 2.5 / 0.5],
    "undamped does not arrive": [0.2, 0.15],
    "the score test sees the break": [0.5],
    "free training, then symmetry, beats symmetry all along": [0.8],
    "equality keeps up with strict on inertia": [1.05],
    "resilient wins on modified inertia": [0.7],
}


def test_claims_read_the_numbers_that_they_are_about_and_are_bounded_as_is_said(holds_between):
    found = {claim.name: list(claim.values) for claim in judge(CLAIMS, [MADE])}
    assert found == {name: pytest.approx(values) for name, values in READ.items()}
    holds_between(CLAIMS, BOUNDS)
