"""The recipe of intertwiners: presets, claims, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from haar.report import Section
from haar.systems.effect import Effect
from haar.systems.intertwiners.protocol import measure_seed
from haar.systems.intertwiners.recipe_claims import judge
from haar.systems.intertwiners.recipe_sections import tell_measures
from haar.watch import Watch

MATRICES, FLOWS = "matrices, S6 x S4", "flows, D4"


class IntertwinersRecipe:
    """Maps counted, solved and timed, and networks that are made of them, over seeds."""

    name = "intertwiners"
    title = "What commutes with a symmetry"
    paper = "Our own algorithm: orbits of index pairs, and isotypic blocks from the group algebra."
    presets: Mapping[str, Mapping[str, Any]] = {
        "quick": {
            "pairs": [],
            "timings": {
                "S_n on matrices": [4, 8, 16, 24],
                "Z_n on a ring": [8, 32, 128, 512],
                "D4 on vectors of an n x n grid": [4, 8, 16],
                "SO(3) on tensors of order n": [1, 2, 3, 4],
            },
            "repeats": 3,
            "samples": {MATRICES: [16, 128], FLOWS: [4, 16]},
            "rates": [0.003, 0.01],
            "steps": 200,
            "test": 200,
        },
        "full": {
            "pairs": [],
            "timings": {
                "S_n on matrices": [4, 8, 16, 24, 32, 40],
                "Z_n on a ring": [8, 32, 128, 512, 1024],
                "D4 on vectors of an n x n grid": [4, 8, 16, 32],
                "SO(3) on tensors of order n": [1, 2, 3, 4, 5],
            },
            "repeats": 7,
            "samples": {MATRICES: [16, 64, 256, 1024], FLOWS: [2, 4, 16, 64]},
            "rates": [0.001, 0.003, 0.01, 0.03],
            "steps": 600,
            "test": 500,
        },
    }
    default_seeds: Mapping[str, int] = {"quick": 1, "full": 5}

    def measure(self, config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> Mapping[str, Any]:
        """One seed, see `haar.systems.intertwiners.protocol`."""
        return measure_seed(config, seed, folder, watch)

    def effects(self, measures: Sequence[Mapping[str, Any]]) -> list[Effect]:
        """The claims, see `haar.systems.intertwiners.recipe_claims`."""
        return judge(measures)

    def sections(self, measures: Sequence[Mapping[str, Any]]) -> list[Section]:
        """Tables and figures, see `haar.systems.intertwiners.recipe_sections`."""
        return tell_measures(measures)


RECIPE = IntertwinersRecipe()
