"""The recipe of sign equivariance: what is run, claimed and told (arXiv 2312.02339)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.recipe import Recipe
from haar.systems.sign_equivariance.claims import CLAIMS
from haar.systems.sign_equivariance.protocol import measure
from haar.systems.sign_equivariance.sections import told

_LINKS = ["gcn", "pearl", "signnet", "mlp", "sign_eq"]
_BOTH = {"unit": _LINKS, "sqrt_n": ["signnet", "mlp", "sign_eq"]}
_NEW = ["gcn", "raw", "flips", "canonical", "spe", "pearl", "signnet", "mlp", "sign_eq"]
_NODES = ["none", "flips", "canonical", "spe", "pearl", "signnet", "sign_eq"]
_MOVERS = ["none", "none_long", "augmented", "naive", "sample", "average", "vectors", "sign", "sign_long"]

#: CLUSTER and PATTERN in the full preset.
_FULL_GRAPHS: Mapping[str, Any] = {
    "train": 300,
    "validation": 50,
    "test": 100,
    "k": 8,
    "batch_size": 10,
    "epochs": 16,
    "rates": [2e-3, 6e-3],
    "networks": _NODES,
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "twins": {
            "nodes": 100,
            "probability": 0.12,
            "crossings": 30,
            "k": 16,
            "epochs": 100,
            "rates": [5e-3],
            "networks": _LINKS,
        },
        "links": {
            "nodes": 150,
            "probability": 0.1,
            "attach": 8,
            "added": 60,
            "k": 16,
            "epochs": 100,
            "rates": [3e-3, 1e-2],  # for all; the greater one is the released code's
            "networks": {"ER": {"unit": _LINKS, "sqrt_n": ["signnet", "sign_eq"]}, "BA": {"unit": ["sign_eq"]}},
        },
        "inductive": {
            "train": 8,
            "validation": 4,
            "test": 8,
            "nodes": 40,
            "probability": 0.25,
            "added": 14,
            "k": 8,
            "epochs": 50,
            "rates": [5e-3],
            "networks": ["gcn", "flips", "pearl", "signnet", "mlp", "sign_eq"],
        },
        "particles": {
            "networks": {
                "3": ["none", "naive", "sample", "average", "vectors", "sign", "sign_long"],
                "5": ["none_long", "sign_long"],  # after the shorter training they are still alike
            },
            "train": 500,
            "validation": 100,
            "test": 400,
            "epochs": 10,
            "long_epochs": 20,  # the 400 steps of the full preset
            "batch_size": 25,
            "rates": [5e-3],
            "clip": "component",
            "floor": 200,
            "costs": {"dims": [3, 5, 6, 8], "batch_size": 10, "repeats": 2},
        },
        "communities": {
            "train": 100,
            "validation": 20,
            "test": 50,
            "k": 8,
            "batch_size": 4,
            "epochs": 6,
            "rates": [6e-3],
            "networks": ["none", "flips", "canonical", "pearl", "signnet", "sign_eq"],
        },
        "patterns": {
            "patterns": 20,
            "train": 60,
            "validation": 20,
            "test": 50,
            "k": 8,
            "batch_size": 4,
            "epochs": 5,
            "rates": [3e-3],
            "networks": ["none", "flips", "signnet", "sign_eq"],
        },
    },
    # The sizes of the paper's code and of the usual particle data; every network of a task has the same rates to choose
    # from, by validation.
    "full": {
        "twins": {
            "nodes": 100,
            "probability": 0.12,
            "crossings": 30,
            "k": 16,
            "epochs": 100,
            "rates": [2e-3, 5e-3, 1e-2],
            "networks": _LINKS,
        },
        "links": {
            "nodes": 1000,
            "probability": 0.05,
            "attach": 20,
            "added": 1000,
            "k": 16,
            "epochs": 100,
            "rates": [1e-3, 3e-3, 1e-2],
            "networks": {"ER": _BOTH, "BA": _BOTH},
        },
        "inductive": {
            "train": 20,
            "validation": 5,
            "test": 10,
            "nodes": 60,
            "probability": 0.2,
            "added": 20,
            "k": 8,
            "epochs": 100,
            "rates": [2e-3, 5e-3, 1e-2],
            "networks": _NEW,
        },
        "particles": {
            "networks": {
                "3": _MOVERS,
                "4": ["none", "vectors", "sign"],
                "5": ["none", "augmented", "naive", "sample", "average", "vectors", "sign"],
                **{str(d): ["none", "sign"] for d in (6, 7, 8)},
            },
            "train": 1000,
            "validation": 200,
            "test": 500,
            "epochs": 40,
            "long_epochs": 120,
            "batch_size": 100,
            "rates": [2e-3, 1e-2],  # the paper's, and one at which all learn faster; by validation
            "clip": "component",
            "floor": 1000,
            "costs": {"dims": [3, 4, 5, 6, 7, 8], "batch_size": 32, "repeats": 5},
            "usual": {
                "networks": ["none", "naive", "vectors", "sign"],
                "train": 3000,
                "validation": 2000,
                "test": 2000,
                "epochs": 50,
                "batch_size": 100,
                "rates": [2e-3, 1e-2],
                "clip": "component",
                "floor": 1000,
            },
        },
        "communities": _FULL_GRAPHS,
        "patterns": {"patterns": 50, **_FULL_GRAPHS},
    },
}

RECIPE = Recipe(
    name="sign-equivariance",
    title="Sign-equivariant networks and PCA frames",
    paper=(
        "Lim, Robinson, Jegelka, Maron: Expressive Sign Equivariant Networks for Spectral Geometric Learning, "
        "NeurIPS 2023, arXiv 2312.02339"
    ),
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 3},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
