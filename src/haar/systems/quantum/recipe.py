"""The recipe of quantum circuits: what is run, claimed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.quantum.claims import CLAIMS
from haar.systems.quantum.protocol import measure
from haar.systems.quantum.sections import told
from haar.systems.recipe import Recipe

_LIH_PLAN = {"steps": 500, "force_steps": 250}
_NH3_PLAN = {"steps": 300, "force_steps": 75}
_CLOUDS: Mapping[str, Any] = {
    "points": 4,
    "train": 700,
    "validation": 100,
    "test": 200,
    "steps": 7000,
    "batch_size": 100,
    "learning_rate": 0.03,
}

QUICK: Mapping[str, Any] = {
    "tables": [
        {"data": "lih", "train": 16, "test": 144, "folds": 1, "plan": _NH3_PLAN},
        {"data": "nh3", "train": 100, "test": 160, "folds": 1, "plan": _NH3_PLAN, "averaged": 40},
    ],
    "frames": {
        "models": ["NonSym", "MLP", "Graph"],
        "train": 100,
        "test": 160,
        "plan": _NH3_PLAN,
    },
    "trainability": {"qubits": [2, 4, 6, 8], "samples": 200, "batches": 10},
    "board": {"games": 20, "test_games": 200, "layers": 4, "steps": 200, "repeats": 1},
    "clouds": [{**_CLOUDS, "train": 300, "validation": 100, "test": 400, "steps": 100, "batch_size": 32}],
}
"""Three seeds in under three minutes on two cores: the protocol's sizes, one fold a seed, shorter phases on LiH, and
solids for a short time."""

FULL: Mapping[str, Any] = {
    "tables": [
        {"data": "lih", "train": 16, "test": 144, "folds": 5, "plan": _LIH_PLAN},
        {"data": "lih", "train": 48, "test": 112, "folds": 5, "plan": _LIH_PLAN},
        {"data": "nh3", "train": 100, "test": 160, "folds": 5, "plan": _NH3_PLAN},
        {
            "data": "nh3",
            "train": 100,
            "test": 160,
            "folds": 2,
            "models": ["RotPerm, parity", "RotPerm, radial", "RotPerm, deep"],
            "plan": _NH3_PLAN,
        },
        {"data": "h2o", "train": 100, "test": 140, "folds": 2, "plan": _NH3_PLAN},
    ],
    "frames": {
        "models": ["NonSym", "MLP", "RotOnly", "RotPerm", "Graph"],
        "train": 100,
        "test": 160,
        "plan": _NH3_PLAN,
    },
    "trainability": {"qubits": [2, 4, 6, 8, 10], "samples": 200, "batches": 20},
    "board": {"games": 20, "test_games": 200, "layers": 4, "steps": 200, "repeats": 4},
    "clouds": [{**_CLOUDS, "points": points} for points in (4, 5)],
}
"""All folds of the protocol. Of clouds six points are left out: one step of twelve qubits takes seconds."""


RECIPE = Recipe(
    name="quantum-equivariance",
    title="Equivariant quantum circuits for molecules",
    paper=(
        "Biswas, Oswal: PERM EQ x GRAPH EQ: Equivariant Neural Networks for Quantum Molecular Learning, arXiv "
        "2512.05475. Also: Le et al., arXiv 2311.11362; Skolik et al., arXiv 2205.06109; Meyer et al., arXiv "
        "2205.06217; Nguyen et al., arXiv 2210.08566. Only the main paper's abstract was available: circuits beyond "
        "those of its predecessors, sizes and training are our own, and no number of its tables is quoted. The "
        "circuits are simulated, and the classical baseline is better than all of them."
    ),
    presets={"quick": QUICK, "full": FULL},
    default_seeds={"quick": 3, "full": 3},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
