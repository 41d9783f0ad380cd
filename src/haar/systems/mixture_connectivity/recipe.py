"""The recipe of mixture connectivity: what is run, claimed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.mixture_connectivity.claims import CLAIMS
from haar.systems.mixture_connectivity.protocol import measure
from haar.systems.mixture_connectivity.sections import told
from haar.systems.recipe import Recipe

_SIZES = {
    "experts": 4,
    "units": 64,
    "dim": 32,
    "chosen": [4, 2],
    "learning_rate": 0.003,
    "batch_size": 64,
    "noise": 0.15,
}

# Sizes are the spec's; the trunk's steps were chosen on a pair of seed 50, which no preset measures: after 300 the
# trunk knows so much that experts have little left to say.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {**_SIZES, "trunk_steps": 100, "steps": 600, "points": 11},
    "full": {**_SIZES, "trunk_steps": 100, "steps": 600, "points": 21},
}

RECIPE = Recipe(
    name="mixture-connectivity",
    title="Aligning mixtures of experts",
    paper="Tran, Trinh, Bui, Nguyen, On Linear Mode Connectivity of Mixture-of-Experts Architectures, arXiv 2509.11348 "
    "(NeurIPS 2025).",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 10},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
