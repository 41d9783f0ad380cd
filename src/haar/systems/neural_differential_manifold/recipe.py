"""The recipe of learned metrics: what is run, claimed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.neural_differential_manifold.claims import CLAIMS
from haar.systems.neural_differential_manifold.protocol import measure
from haar.systems.neural_differential_manifold.sections import told
from haar.systems.recipe import Recipe

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "penalties": [0.0, 0.003, 0.3],
        "steps": 1200,
        "observations": [100, 400],
        "disc_steps": 800,
        "hidden": [32, 32],
        "charts": 4,
        "metrics": 2,
    },
    "full": {
        "penalties": [0.0, 0.0003, 0.003, 0.03, 0.3],
        "steps": 2400,
        "observations": [50, 100, 200, 400, 800, 1600],
        "disc_steps": 1600,
        "hidden": [32, 32],
        "charts": 20,
        "metrics": 10,
    },
}

RECIPE = Recipe(
    name="neural-differential-manifold",
    title="Learned metrics and natural gradients",
    paper="D. Zhang, The Neural Differential Manifold, arXiv 2510.25113.",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 10},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
