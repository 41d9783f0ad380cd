"""The recipe of model hemorrhage: what is run, claimed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.model_hemorrhage.claims import CLAIMS
from haar.systems.model_hemorrhage.protocol import measure
from haar.systems.model_hemorrhage.sections import told
from haar.systems.recipe import Recipe

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "characters": {"layers": 4, "steps": 300, "batch_size": 16, "texts": 64, "calibration": 16},
        "gated": {"layers": 3, "steps": 0, "batch_size": 16, "texts": 64, "calibration": 16},
        "perceptron": {"steps": 1500, "samples": 512},
        "surrogate": {"steps": 150, "samples": 4},
        "gauge_texts": 2,
    },
    "full": {
        "characters": {"layers": 4, "steps": 1500, "batch_size": 16, "texts": 512, "calibration": 64},
        "gated": {"layers": 3, "steps": 900, "batch_size": 16, "texts": 512, "calibration": 64},
        "perceptron": {"steps": 3000, "samples": 512},
        "surrogate": {"steps": 1000, "samples": 24},
        "gauge_texts": 8,
    },
}

RECIPE = Recipe(
    name="model-hemorrhage",
    title="What compression costs, where it breaks, and who sees the choice of parameters",
    paper="Ma et al., Model Hemorrhage and the Robustness Limits of Large Language Models, arXiv 2503.23924.",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 3},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
