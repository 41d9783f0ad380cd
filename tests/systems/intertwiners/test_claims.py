"""Where the bounds of the claims lie, and which of the measures each reads."""

from __future__ import annotations

import pytest

from haar.systems.claim import judge
from haar.systems.intertwiners.claims import CLAIMS
from haar.systems.intertwiners.tasks import TASKS

EXACT = ("every", 1e-10, 1.1e-10)
BOUNDS = {
    **dict.fromkeys(("characters", "Molien", "closed forms", "two counts"), ("every", 0, 1)),
    **dict.fromkeys(("equivariance", "idempotent", "self-adjoint", "orthonormal", "average", "routes"), EXACT),
    "networks are exact": EXACT,
    "plain networks are not": ("median", 1e-3, 0.99e-3),
    **{
        f"few samples, {task}: {other}": ("median", 1.0, 0.99)
        for task in TASKS
        for other in ("the mean", "linear", "equal width", "equal parameters", "augmented")
    },
    "augmentation is not exact": ("median", 1e-3, 0.99e-3),
}
A, B = TASKS


def cell(task, samples, equivariant, width, size, augmented):
    names = ("equivariant", "plain, equal width", "plain, equal parameters", "plain, equal width, augmented")
    told = [
        *zip(names, (equivariant, width, size, augmented), strict=True),
        ("the mean", (5.0, 1.0)),
        ("linear", (4, 1.0)),
    ]
    networks = {n: {"error": e, "squares": [e / 2, 3 * e / 2], "defect": d} for n, (e, d) in told}
    return {"task": task, "samples": samples, "networks": networks}


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
        cell(A, 128, (1.0, 0.01), (0.5, 0.02), (0.5, 0.03), (0.1, 0.04)),
        cell(A, 16, (2.0, 0.05), (8.0, 0.06), (3.0, 0.07), (0.1, 0.08)),
        cell(B, 8, (1.0, 0.09), (3.0, 0.10), (2.0, 0.11), (0.1, 0.12)),
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
    "plain networks are not": [0.06],
    **dict(
        zip(
            (
                f"few samples, {A}: {other}"
                for other in ("the mean", "linear", "equal width", "equal parameters", "augmented")
            ),
            ([2.5], [2.0], [4.0], [1.5], [0.05]),
            strict=True,
        )
    ),
    **dict(
        zip(
            (
                f"few samples, {B}: {other}"
                for other in ("the mean", "linear", "equal width", "equal parameters", "augmented")
            ),
            ([5.0], [4.0], [3.0], [2.0], [0.1]),
            strict=True,
        )
    ),
    "augmentation is not exact": [0.08],
}


def test_claims_read_the_numbers_that_they_are_about_and_are_bounded_as_is_said(holds_between):
    assert {claim.name: list(claim.values) for claim in judge(CLAIMS, [MADE])} == {
        name: pytest.approx(values) for name, values in READ.items()
    }
    holds_between(CLAIMS, BOUNDS)
