"""The recipe of constitutive models: what is run, claimed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.constitutive.claims import CLAIMS
from haar.systems.constitutive.protocol import measure
from haar.systems.constitutive.sections import told
from haar.systems.recipe import Recipe


def _trial(samples: list[int], steps: int, rates: list[float], batch_size: int, test: int) -> dict[str, Any]:
    return {"samples": samples, "steps": steps, "rates": rates, "batch_size": batch_size, "test": test}


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "neo_hookean": _trial([50], 250, [0.01], 0, 200),
        "lattice": _trial([200], 300, [0.01], 64, 200),
        "hexagon": _trial([500], 350, [0.01], 64, 200),
        "plastic": _trial([40], 80, [0.03], 32, 200),
        "zener": _trial([40], 60, [0.03], 32, 200),
        "orientations": _trial([50], 250, [0.01], 0, 200),
        "axes_starts": 5,
        "axes_steps": 150,
        "increments": 30,
        "cells": 4,
    },
    "full": {
        "neo_hookean": _trial([30, 100, 1000], 2000, [0.003, 0.01], 128, 1000),
        "lattice": _trial([50, 200, 2000], 2000, [0.003, 0.01], 128, 1000),
        "hexagon": _trial([100, 500], 2000, [0.003, 0.01], 64, 1000),
        "plastic": _trial([50, 200, 1000], 500, [0.01, 0.03], 32, 400),
        "zener": _trial([40, 200], 500, [0.01, 0.03], 32, 400),
        "orientations": _trial([50, 200], 1500, [0.003, 0.01], 0, 1000),
        "axes_starts": 5,
        "axes_steps": 600,
        "increments": 30,
        "cells": 10,
    },
}

RECIPE = Recipe(
    name="constitutive-models",
    title="Constitutive laws with exact material symmetry",
    paper="Garanger, Kraus, Rimoli, Symmetry-enforcing neural networks with applications to constitutive modeling, "
    "arXiv 2312.13511 (Extreme Mechanics Letters 2024).",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 3},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
