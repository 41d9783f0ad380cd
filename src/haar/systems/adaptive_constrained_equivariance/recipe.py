"""The reproduction: presets, claims, tables and figures (protocol of section 9; arXiv 2505.13631)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from haar.report import Section
from haar.systems.adaptive_constrained_equivariance.measurement import measure
from haar.systems.adaptive_constrained_equivariance.recipe_claims import judge
from haar.systems.adaptive_constrained_equivariance.recipe_sections import tell
from haar.systems.effect import Effect
from haar.systems.watch import Watch

_OURS = ["strict", "free", "equality", "resilient", "ridge"]
_CONTROLS = ["resilient, price chosen", "augmentation", "strict without kappa", "equality undamped"]
_BASELINES = [
    "residual pathway",
    "projection regulariser",
    "equivariance penalty",
    "scheduled",
    "relaxed convolution",
]


class AdaptiveConstrainedEquivariance:
    """Networks between equivariant and free, under every rule, on data whose symmetry is broken by a dial."""

    name = "adaptive-constrained-equivariance"
    title = "Approximately equivariant networks by constrained optimisation"
    paper = (
        "Manolache, Chamon, Niepert: Learning (Approximately) Equivariant Networks via Constrained Optimization, "
        "arXiv 2505.13631. The task, its sizes and the damped solver are our own; no number of the paper's tables is "
        "claimed here: its data sets are not shipped, see `haar.data.published` for their readers."
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            "networks": 5,
            "plan": {"steps": 1500},
            "parts": [
                {
                    "name": "weight",
                    "mode": "weight",
                    "order": 4,
                    "samples": [256],
                    "betas": [0.0, 0.5, 1.0],
                    "arms": [*_OURS, *_CONTROLS, "residual pathway"],
                    "tried": False,
                    "draws": 199,
                },
            ],
        },
        "full": {
            "networks": 5,
            "plan": {"steps": 1500},
            "parts": [
                {
                    "name": "weight",
                    "mode": "weight",
                    "order": 4,
                    "samples": [128, 256, 512],
                    "betas": [0.0, 0.25, 0.5, 1.0],
                    "arms": [*_OURS, *_CONTROLS, *_BASELINES],
                    "tried": True,
                    "draws": 999,
                },
                {
                    "name": "branches",
                    "mode": "branches",
                    "order": 4,
                    "samples": [128, 512],
                    "betas": [0.0, 0.5, 1.0],
                    "arms": _OURS,
                    "tried": True,
                    "draws": 0,
                },
                {
                    "name": "order 3",
                    "mode": "weight",
                    "order": 3,
                    "samples": [256],
                    "betas": [0.0, 1.0],
                    "arms": _OURS,
                    "tried": True,
                    "draws": 0,
                },
                {
                    "name": "order 6",
                    "mode": "weight",
                    "order": 6,
                    "samples": [256],
                    "betas": [0.0, 1.0],
                    "arms": _OURS,
                    "tried": True,
                    "draws": 0,
                },
            ],
        },
    }
    default_seeds: ClassVar[Mapping[str, int]] = {"quick": 1, "full": 2}

    def measure(self, config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> Mapping[str, Any]:
        """One batch of networks under every rule."""
        return measure(config, seed, folder, watch)

    def effects(self, measures: Sequence[Mapping[str, Any]]) -> list[Effect]:
        """The statements that must hold."""
        return judge(measures)

    def sections(self, measures: Sequence[Mapping[str, Any]]) -> list[Section]:
        """Tables and figures."""
        return tell(measures)


RECIPE = AdaptiveConstrainedEquivariance()
