"""Where the bounds of the claims lie, and which of the measures each reads."""

from __future__ import annotations

from haar.systems.claim import judge
from haar.systems.mode_connectivity.claims import CLAIMS

LADDER = {
    "it has learned": ("every", 0.9, 0.91),
    "permutations": ("median", 1.0, 1.01),
    "rotations": ("median", 1.0, 1.01),
    "learned rotations": ("median", 0.5, 0.51),
    "learned rotations and permutations": ("median", 0.35, 0.36),
    "no function is changed": ("every", 1e-10, 1.1e-10),
    "single precision": ("every", 1e-4, 1.1e-4),
    "planted elements": ("every", 1e-5, 1.1e-5),
}
BOUNDS = {
    "perceptrons: they have learned": ("every", 0.5, 0.51),
    "perceptrons: weights": ("median", 0.05, 0.051),
    "perceptrons: activations": ("median", 1.0, 1.01),
    "perceptrons: width": ("median", 1.0, 1.01),
    "perceptrons: planted elements": ("every", 1e-5, 1.1e-5),
    "perceptrons: split data": ("median", 0.5, 0.51),
    **{f"{name}: {key}": bound for name in ("Llama", "GPT-2", "ViT") for key, bound in LADDER.items()},
}


def _line(barrier, *losses):
    return {"barrier": barrier, "middle": 0.0, "losses": list(losses) or [1.0, 1.0]}


def _perceptrons(width, vanilla, weights, activations, planted):
    lines = {"vanilla": _line(vanilla, 0.5, 9.0, 1.0), "weights": _line(weights), "activations": _line(activations)}
    return {"lines": lines, "width": width, "planted": planted, "baseline": 4.0}


MADE = {
    "perceptrons": {
        "width 512": _perceptrons(512, 8.0, 1.0, 2.0, 0.5),
        "width 64": _perceptrons(64, 10.0, 4.0, 5.0, 0.25),
        "width 128": _perceptrons(128, 10.0, 3.0, 5.0, 0.125),
    },
    "halves": {"perceptrons": _perceptrons(512, 16.0, 4.0, 5.0, 0.1)},
    "transformers": {
        "llama": {
            "lines": {
                "vanilla": _line(16.0, 3.0, 7.0, 2.0),
                "permutation": _line(8.0),
                "orthogonal": _line(4.0),
                "learned permutation": _line(5.0),
                "learned orthogonal": _line(1.0),
            },
            "baseline": 6.0,
            "moved": 0.1,
            "moved_single": 0.2,
            "planted": 0.3,
        }
    },
}
READ = {
    "perceptrons: they have learned": [0.25],
    "perceptrons: weights": [0.125],
    "perceptrons: activations": [0.25],
    "perceptrons: width": [0.25],
    "perceptrons: planted elements": [0.5, 0.25, 0.125],
    "perceptrons: split data": [0.25],
    "Llama: it has learned": [0.5],
    "Llama: permutations": [0.5],
    "Llama: rotations": [0.5],
    "Llama: learned rotations": [0.25],
    "Llama: learned rotations and permutations": [0.125],
    "Llama: no function is changed": [0.1],
    "Llama: single precision": [0.2],
    "Llama: planted elements": [0.3],
}


def test_claims_read_the_numbers_that_they_are_about_and_are_bounded_as_is_said(holds_between):
    assert {claim.name: list(claim.values) for claim in judge(CLAIMS, [MADE])} == READ
    holds_between(CLAIMS, BOUNDS)


def test_one_width_says_nothing_of_width():
    alone = {"perceptrons": {"width 64": MADE["perceptrons"]["width 64"]}}
    assert "perceptrons: width" not in {claim.name for claim in judge(CLAIMS, [alone])}
