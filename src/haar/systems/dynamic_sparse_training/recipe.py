"""The recipe of dynamic sparse training: what is run, claimed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.dynamic_sparse_training.claims import CLAIMS
from haar.systems.dynamic_sparse_training.protocol import measure
from haar.systems.dynamic_sparse_training.sections import told
from haar.systems.recipe import Recipe

_DIGITS = {
    "steps": 800, "learning_rate": 0.001, "tuned_rate": 0.01, "linear_rate": 0.03,
    "batch_size": 64, "width": 200, "narrow": 18,
    "every": 40, "alpha": 0.3, "sparsity": 0.97, "lower": 0.9,
}  # fmt: skip
_CONTROL = {
    "steps": 6000, "random": 1000, "batch_size": 128, "discount": 0.98, "averaging": 0.01, "width": 128, "narrow": 80,
    "every": 250, "sparsity": 0.6,
}  # fmt: skip
_ORBITS = {
    "order": 8, "copies": 4, "samples": 64, "test": 500, "noise": 0.5, "steps": 200, "learning_rate": 0.01,
    "every": 10, "sparsity": 0.8,
}  # fmt: skip
_RATE = 0.001
_AGENTS = ("dense", "module-specific", "narrow", "swapped", "static", "revival", "dense actor")

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "digits": {**_DIGITS, "networks": 1},
        "control": {**_CONTROL, "agents": {"dense": _RATE, "module-specific": _RATE}},
        "orbits": _ORBITS,
    },
    "full": {
        "digits": {**_DIGITS, "networks": 5},
        "control": {
            **_CONTROL,
            "agents": dict.fromkeys(_AGENTS, _RATE),
            "tuned": [0.0003, 0.001, 0.003],
        },
        "orbits": _ORBITS,
    },
}

RECIPE = Recipe(
    name="dynamic-sparse-training",
    title="Networks that are sparse while they learn",
    paper="Rethinking the Role of Dynamic Sparse Training for Scalable Deep Reinforcement Learning, arXiv 2510.12096 "
    "(2025; abstract and summaries seen); Evci et al., RigL, arXiv 1911.11134; Mocanu et al., SET, 2018.",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 5},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
