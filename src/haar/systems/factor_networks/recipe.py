"""The recipe of factor networks: what is run, claimed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.factor_networks.claims import CLAIMS
from haar.systems.factor_networks.protocol import measure
from haar.systems.factor_networks.sections import told
from haar.systems.recipe import Recipe

_WORLDS = {
    "linear": {"kind": "linear", "columns": 100, "factors": 4, "rows": 500},
    "tanh": {"kind": "tanh", "columns": 500, "factors": 4, "rows": 500},
    "sine": {"kind": "sine", "columns": 100, "factors": 3, "rows": 1000},
}
_NETWORKS = ["FAR", "soft", "bottleneck", "GFANN", "NN", "NN, decay", "oracle"]
_COMPARISON = {"kept": 8, "width": 64, "epochs": 80, "validation": 150}
_RETURNS = {"window": 120, "step": 12, "factors": 4, "steps": 300}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "gauge": {"columns": 200, "rows": 600, "batch_size": 100, "epochs": 60, "test": 2000},
        "comparison": {
            **_COMPARISON,
            "worlds": {name: _WORLDS[name] for name in ("linear", "sine")},
            "networks": _NETWORKS,
            "test": 4000,
        },
        "returns": _RETURNS,
    },
    "full": {
        "gauge": {"columns": 200, "rows": 600, "batch_size": 100, "epochs": 60, "test": 10_000},
        "comparison": {
            **_COMPARISON,
            "worlds": {
                **_WORLDS,
                "linear, 500 columns": {"kind": "linear", "columns": 500, "factors": 4, "rows": 500},
                "tanh, 100 columns": {"kind": "tanh", "columns": 100, "factors": 4, "rows": 500},
                "square": {"kind": "square", "columns": 100, "factors": 3, "rows": 1000},
            },
            "networks": [
                *_NETWORKS[:1],
                "FAST",
                *_NETWORKS[1:4],
                "GFANN, no penalties",
                "GFANN, strong variance",
                "GFANN, no penalties, decay",
                "GFADNN",
                *_NETWORKS[4:],
            ],
            "test": 10_000,
        },
        "returns": {**_RETURNS, "steps": 1000},
    },
}

RECIPE = Recipe(
    name="factor-networks",
    title="Factor networks with PCA layers in a stated gauge",
    paper="Guo, Cucuringu, Shestopaloff, Generalized Factor Neural Network Model for High-dimensional Regression, "
    "arXiv 2502.11310; Fan and Gu, Factor Augmented Sparse Throughput Deep ReLU Neural Networks for High Dimensional "
    "Regression, JASA 119 (2024).",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 10},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
