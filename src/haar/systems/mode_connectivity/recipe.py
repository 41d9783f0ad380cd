"""The recipe of mode connectivity: what is run, claimed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.mode_connectivity.claims import CLAIMS
from haar.systems.mode_connectivity.protocol import measure
from haar.systems.mode_connectivity.sections import told
from haar.systems.recipe import Recipe

_DIGITS = {"steps": 500, "learning_rate": 0.001, "batch_size": 64, "test": 597}
_LLAMA = {"steps": 700, "learning_rate": 0.002, "batch_size": 32, "test": 256}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "perceptron": _DIGITS,
        "widths": [32, 256],
        "transformers": {"llama": _LLAMA},
        "points": 11,
        "rotation_steps": 150,
        "order_steps": 100,
    },
    "full": {
        "perceptron": _DIGITS,
        "widths": [16, 32, 64, 128, 256, 512],
        "transformers": {
            "llama": _LLAMA,
            "gpt2": {"steps": 1200, "learning_rate": 0.002, "batch_size": 32, "test": 256},
            "vit": {"steps": 2500, "learning_rate": 0.002, "batch_size": 32, "test": 597},
        },
        "points": 21,
        "rotation_steps": 250,
        "order_steps": 250,
    },
}

RECIPE = Recipe(
    name="mode-connectivity",
    title="Aligning networks modulo the symmetry of their parameters",
    paper="Theus et al., Generalized Linear Mode Connectivity for Transformers, arXiv 2506.22712 (NeurIPS 2025); "
    "Ainsworth et al., Git Re-Basin, arXiv 2209.04836.",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 3},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
