"""The recipe of intertwiners: what is run, claimed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.intertwiners.claims import CLAIMS
from haar.systems.intertwiners.protocol import measure
from haar.systems.intertwiners.sections import told
from haar.systems.recipe import Recipe

MATRICES, FLOWS = "matrices, S6 x S4", "flows, D4"

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "pairs": [],
        "timings": {
            "S_n on matrices": [4, 8, 16, 24],
            "Z_n on a ring": [8, 32, 128, 512],
            "D4 on vectors of an n x n grid": [4, 8, 16],
            "SO(3) on tensors of order n": [1, 2, 3, 4],
        },
        "repeats": 3,
        "samples": {MATRICES: [16, 128], FLOWS: [4, 16]},
        "rates": [0.003, 0.01],
        "steps": 200,
        "test": 200,
    },
    "full": {
        "pairs": [],
        "timings": {
            "S_n on matrices": [4, 8, 16, 24, 32, 40],
            "Z_n on a ring": [8, 32, 128, 512, 1024],
            "D4 on vectors of an n x n grid": [4, 8, 16, 32],
            "SO(3) on tensors of order n": [1, 2, 3, 4, 5],
        },
        "repeats": 7,
        "samples": {MATRICES: [16, 64, 256, 1024], FLOWS: [2, 4, 16, 64]},
        "rates": [0.001, 0.003, 0.01, 0.03],
        "steps": 600,
        "test": 500,
    },
}

RECIPE = Recipe(
    name="intertwiners",
    title="What commutes with a symmetry",
    paper="Our own algorithm: orbits of index pairs, and isotypic blocks from the group algebra.",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 5},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
