"""Where the bounds of the claims lie, and which of the measures each reads."""

from __future__ import annotations

from haar.systems.claim import judge
from haar.systems.mixture_connectivity.claims import CLAIMS

BOUNDS = {
    "it has learned": ("median", 1.0, 1.01),
    "orders and units": ("median", 0.5, 0.51),
    "orders matter": ("median", 0.8, 0.81),
    "units matter": ("median", 0.6, 0.59),
    "gates are seen up to a translation": ("every", 1e-10, 1.1e-10),
    "barriers are not": ("every", 1e-6, 1.1e-6),
    "planted elements": ("every", 1e-5, 1.1e-5),
}


def _pair(scale, ways):
    names = ("gate", "gram", "inner")
    return {
        "naive": 8.0 * scale,
        "inner alone": 4.0 * scale,
        "losses": [1.0, 3.0],
        "trunk": 4.0,
        "translated": 0.1 * scale,
        "barrier translated": 0.2 * scale,
        "planted": 0.3 * scale,
        "ways": {n: {"barrier": b, "order alone": o} for n, (b, o) in zip(names, ways, strict=True)},
    }


MADE = {
    "mixtures": {
        "dense": _pair(1.0, [(3.0, 6.0), (2.0, 8.0), (5.0, 7.0)]),
        "top 2": _pair(2.0, [(4.0, 12.0), (6.0, 14.0), (8.0, 16.0)]),
    }
}
READ = {
    "it has learned": [0.75, 0.75],
    "orders and units": [0.25, 0.25],
    "orders matter": [0.5, 0.5],
    "units matter": [0.75, 0.75],
    "gates are seen up to a translation": [0.1, 0.2],
    "barriers are not": [0.2, 0.4],
    "planted elements": [0.3, 0.6],
}


def test_claims_read_the_numbers_that_they_are_about_and_are_bounded_as_is_said(holds_between):
    assert {claim.name: list(claim.values) for claim in judge(CLAIMS, [MADE])} == READ
    holds_between(CLAIMS, BOUNDS)
