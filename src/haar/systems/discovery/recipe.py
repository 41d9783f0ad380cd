"""The recipe of discovery: what is run, claimed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.discovery.claims import CLAIMS
from haar.systems.discovery.protocol import measure
from haar.systems.discovery.sections import told
from haar.systems.recipe import Recipe

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "samples": 256,
        "events": 2000,
        "steps": 1200,
        "networks": 1,
        "random": 14,
        "trained": 1,
        "signed": 4,
        "exchanges": ["S8", "none"],
        "fields": 12,
        "grid": 48,
        "law": 8000,
        "space": False,
    },
    "full": {
        "samples": 256,
        "events": 2000,
        "steps": 4000,
        "networks": 3,
        "random": 80,
        "trained": 4,
        "signed": 12,
        "exchanges": ["S8", "S4 x S4", "C8", "none"],
        "fields": 12,
        "grid": 48,
        "law": 8000,
        "space": True,
    },
}

RECIPE = Recipe(
    name="discovery",
    title="Symmetries that nobody named",
    paper="Moskalev et al., LieGG, arXiv 2210.04345; Hu et al., LieSD, arXiv 2410.09841, LieNLSD, 2510.01855; "
    "Otto et al., arXiv 2311.00212.",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 5},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
