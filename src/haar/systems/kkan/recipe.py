"""The recipe of KKAN: what is run, claimed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.kkan.claims import CLAIMS
from haar.systems.kkan.protocol import measure
from haar.systems.kkan.sections import told
from haar.systems.recipe import Recipe

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "regression": {"points": 2000, "steps": 500, "batch_size": 256},
        "longer": 2,
        "frequencies_alone": True,
        "grid": 101,
        "sizes": [24, 3, 24],
        "width": 64,
        "sharing": {"points": 500, "steps": 500, "batch_size": 256},
        "dynamics": {"points": 2000, "steps": 600, "batch_size": 256},
        "equations": ["poisson"],
        "physics": {"points": 1000, "steps": 600, "batch_size": 250},
    },
    "full": {
        "regression": {"points": 2000, "steps": 1200, "batch_size": 256},
        "longer": 4,
        "frequencies_alone": False,
        "grid": 101,
        "sizes": [24, 3, 24],
        "width": 64,
        "sharing": {"points": 500, "steps": 800, "batch_size": 256},
        "dynamics": {"points": 2000, "steps": 800, "batch_size": 256},
        "equations": ["poisson", "helmholtz"],
        "physics": {"points": 1000, "steps": 3000, "batch_size": 1000},
    },
}

RECIPE = Recipe(
    name="kkan",
    title="Kurkova-Kolmogorov-Arnold networks, and symmetric ones",
    paper="Toscano, Wang, Karniadakis, KKANs: Kurkova-Kolmogorov-Arnold Networks and Their Learning Dynamics, "
    "arXiv 2412.16738 (Neural Networks 191, 2025).",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 5},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
