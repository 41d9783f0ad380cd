"""Where the bounds of the claims lie, and which of the measures each reads."""

from __future__ import annotations

from haar.systems.claim import judge
from haar.systems.intertwiners.claims import CLAIMS

EXACT = ("every", 1e-10, 1.1e-10)
BOUNDS = {
    **dict.fromkeys(("characters", "Molien", "closed forms", "two counts"), ("every", 0, 1)),
    **dict.fromkeys(("equivariance", "idempotent", "self-adjoint", "orthonormal", "average", "routes"), EXACT),
    "networks are exact": EXACT,
    "plain networks are not": ("every", 1e-3, 0.99e-3),
    "few samples: equal width": ("median", 1.0, 0.99),
    "few samples: equal parameters": ("median", 1.0, 0.99),
    "augmentation is not exact": ("every", 1e-3, 0.99e-3),
}


def cell(task, samples, equivariant, width, size, augmented):
    names = ("equivariant", "plain, equal width", "plain, equal parameters", "plain, equal width, augmented")
    told = zip(names, (equivariant, width, size, augmented), strict=True)
    return {"task": task, "samples": samples, "networks": {n: {"error": e, "defect": d} for n, (e, d) in told}}


MADE = {
    "pairs": {
        "one": {
            "dim": 5, "characters": 5, "molien": 4, "known": 6, "dim_isotypic": 5, "equivariance": 1, "idempotent": 2,
            "self_adjoint": 3, "orthonormal": 4, "reynolds": 5, "routes": 6,
        },
        "two": {
            "dim": 2, "characters": 3, "molien": 3, "known": 2, "dim_isotypic": 2, "equivariance": 7, "idempotent": 8,
            "self_adjoint": 9, "orthonormal": 10, "reynolds": 11,
        },
        "three": {"dim": 1, "characters": 1, "equivariance": 12, "idempotent": 13, "self_adjoint": 14, "reynolds": 15},
    },
    "curves": [
        cell("a", 128, (1.0, 0.01), (0.5, 0.02), (0.5, 0.03), (0.1, 0.04)),
        cell("a", 16, (2.0, 0.05), (8.0, 0.06), (3.0, 0.07), (0.1, 0.08)),
        cell("b", 8, (1.0, 0.09), (3.0, 0.10), (2.0, 0.11), (0.1, 0.12)),
    ],
}  # fmt: skip
READ = {
    "characters": [1],
    "Molien": [2],
    "closed forms": [1],
    "two counts": [0],
    "equivariance": [1, 7, 12],
    "idempotent": [2, 8, 13],
    "self-adjoint": [3, 9, 14],
    "orthonormal": [4, 10],
    "average": [5, 11, 15],
    "routes": [6],
    "networks are exact": [0.01, 0.05, 0.09],
    "plain networks are not": [0.02, 0.06, 0.10],
    "few samples: equal width": [3.0],
    "few samples: equal parameters": [1.5],
    "augmentation is not exact": [0.04, 0.08, 0.12],
}


def test_claims_read_the_numbers_that_they_are_about_and_are_bounded_as_is_said(holds_between):
    assert {claim.name: list(claim.values) for claim in judge(CLAIMS, [MADE])} == READ
    holds_between(CLAIMS, BOUNDS)
