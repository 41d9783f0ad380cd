"""The recipe of group averaging: presets, claims, tables and figures (arXiv 2511.09573)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haar.systems.group_averaging.claims import CLAIMS
from haar.systems.group_averaging.protocol import measure
from haar.systems.group_averaging.sections import told
from haar.systems.recipe import Recipe

_RUNS: tuple[dict[str, Any], ...] = (
    {"name": "gray_scott-unet", "data": "gray_scott", "model": "unet", "options": {"padding": "zeros"}},
    {"name": "gray_scott-unet_circular", "data": "gray_scott", "model": "unet", "options": {"padding": "circular"}},
    {"name": "gray_scott-convnext", "data": "gray_scott", "model": "convnext_unet", "options": {"padding": "zeros"}},
    # Of the next state an FNO learns little more than to repeat the last one: on these slow data it learns increments.
    {"name": "gray_scott-fno", "data": "gray_scott", "model": "fno", "options": {"delta": True}},
    {"name": "gray_scott-fno_augmented", "data": "gray_scott", "model": "fno", "options": {"delta": True}}
    | {"augment": True},
    {"name": "gray_scott-fno_long", "data": "gray_scott", "model": "fno", "options": {"delta": True}, "steps": 1800},
    {"name": "gray_scott-tfno", "data": "gray_scott", "model": "tfno", "options": {"delta": True}},
    {"name": "turbulence-unet", "data": "turbulence", "model": "unet", "options": {"padding": "zeros"}},
    {"name": "turbulence-fno", "data": "turbulence", "model": "fno", "options": {}},
)
#: Gliders, and some runs of spirals and spots, die out in a small box, and there is nothing left to forecast.
_LASTING = ["bubbles", "maze", "worms", "spots"]
#: What is left out of the quick preset.
_SLOW = {"gray_scott-unet_circular", "gray_scott-convnext", "gray_scott-tfno", "turbulence-unet"}


def _quick(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The smaller networks that train in seconds on coarse grids."""
    small = {"unet": {"width": 8, "levels": 2}, "fno": {"width": 12, "modes": 12}}
    chosen = [{**run, "options": {**run["options"], **small[run["model"]]}} for run in runs if run["name"] not in _SLOW]
    return [{**run, "steps": 500} if "steps" in run else run for run in chosen]


_TRAP = {"name": "shear_flow-fno", "data": "shear_flow", "model": "fno", "options": {}}
_SPLITS = {"test": 12, "train": 20, "valid": 12}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "data": {
            "gray_scott": {
                "resolution": [32, 32],
                "n_steps": 32,
                "time_step": 2.0,
                "save_every": 20,
                "burn_in": 30,
                "patterns": ["bubbles", "maze"],
                "spacing": 0.025,
                "start": {"width": [0.03, 0.06]},
            },
            "turbulence": {
                "resolution": [32, 32],
                "n_steps": 32,
                "time_step": 0.02,
                "save_every": 15,
                "burn_in": 50,
                "pressure": False,
                "peak": 4.0,
            },
            "shear_flow": {
                "resolution": [32, 32],
                "n_steps": 16,
                "time_step": 0.04,
                "save_every": 20,
                "pressure": False,
                "width": [0.4, 0.8],
                "splits": _SPLITS,
            },
        },
        "train": 12,
        "test": 12,
        "history": 2,
        "steps": 250,
        "batch_size": 8,
        "learning_rate": 0.01,
        "per_run": 3,
        "audit_windows": 72,
        "rollout": ["6:12", "13:30"],
        "rollout_runs": 6,
        "modes": ["plain", "step", "trajectory", "stochastic"],
        "runs": _quick(_RUNS),
        "trap": {**_TRAP, "options": {"width": 12, "modes": 12}, "steps": 500},
    },
    "full": {
        "data": {
            "gray_scott": {"resolution": [64, 64], "n_steps": 32, "save_every": 40, "patterns": _LASTING},
            "turbulence": {"resolution": [64, 64], "n_steps": 32, "save_every": 30, "pressure": False},
            "shear_flow": {
                "resolution": [64, 64],
                "n_steps": 32,
                "save_every": 40,
                "pressure": False,
                "splits": {**_SPLITS, "test": 24},
            },
        },
        "train": 20,
        "test": 24,
        "history": 2,
        "steps": 600,
        "batch_size": 16,
        "learning_rate": 0.01,
        "per_run": 4,
        "audit_windows": 192,
        "rollout": ["6:12", "13:30"],
        "rollout_runs": 24,
        "modes": ["plain", "step", "trajectory", "stochastic", "cyclic"],
        "runs": [*_RUNS],
        "trap": _TRAP,
    },
}

RECIPE = Recipe(
    name="group-averaging",
    title="Group averaging at test time",
    paper="Foit, Hogg, Villar: Group Averaging for Physics Applications: Accuracy Improvements at Zero Training Cost, "
    "arXiv 2511.09573",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 3},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
"""Surrogates of solver data, averaged over groups, over seeds."""
