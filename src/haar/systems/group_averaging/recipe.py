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
    {"name": "gray_scott-fno", "data": "gray_scott", "model": "fno", "options": {}},
    {"name": "gray_scott-fno_augmented", "data": "gray_scott", "model": "fno", "options": {}, "augment": True},
    {"name": "turbulence-unet", "data": "turbulence", "model": "unet", "options": {"padding": "zeros"}},
    {"name": "turbulence-fno", "data": "turbulence", "model": "fno", "options": {}},
)
#: Gliders, and some runs of spirals, die out in so small a box: the VRMSE of a constant field means nothing.
_LASTING = ["bubbles", "maze", "worms", "spots"]


def _quick(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The smaller networks that train in seconds on coarse grids."""
    small = {"unet": {"width": 8, "levels": 2}, "convnext_unet": {"width": 8, "stages": 2}, "fno": {"modes": 12}}
    chosen = [run for run in runs if run["name"] != "turbulence-unet"]
    return [{**run, "options": {**run["options"], **small[run["model"]]}} for run in chosen]


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "data": {
            "gray_scott": {"resolution": [48, 48], "n_steps": 16, "patterns": ["bubbles", "maze", "spots"]},
            "turbulence": {"resolution": [32, 32], "n_steps": 16, "pressure": False, "peak": 4.0},
            "shear_flow": {"resolution": [32, 32], "n_steps": 16, "pressure": False, "width": [0.4, 0.8]},
        },
        "train": 12,
        "test": 18,
        "history": 2,
        "steps": 120,
        "batch_size": 16,
        "windows": 24,
        "audit_windows": 72,
        "rollout": ["6:12"],
        "rollout_runs": 18,
        "modes": ["plain", "step", "stochastic"],
        "runs": _quick(_RUNS),
        "trap": {"name": "shear_flow-fno", "data": "shear_flow", "model": "fno", "options": {"modes": 12}},
    },
    "full": {
        "data": {
            "gray_scott": {"resolution": [64, 64], "n_steps": 32, "patterns": _LASTING},
            "turbulence": {"resolution": [64, 64], "n_steps": 32, "pressure": False},
            "shear_flow": {"resolution": [64, 64], "n_steps": 32, "pressure": False},
        },
        "train": 20,
        "test": 24,
        "history": 2,
        "steps": 600,
        "batch_size": 16,
        "windows": 64,
        "audit_windows": 96,
        "rollout": ["6:12", "13:30"],
        "rollout_runs": 24,
        "modes": ["plain", "step", "trajectory", "stochastic", "cyclic"],
        "runs": [
            *_RUNS,
            {"name": "gray_scott-fno_long", "data": "gray_scott", "model": "fno", "options": {}, "steps": 1800},
        ],
        "trap": {"name": "shear_flow-fno", "data": "shear_flow", "model": "fno", "options": {}},
    },
}

RECIPE = Recipe(
    name="group-averaging",
    title="Group averaging at test time",
    paper="Foit, Hogg, Villar: Group Averaging for Physics Applications: Accuracy Improvements at Zero Training Cost, "
    "arXiv 2511.09573",
    presets=PRESETS,
    default_seeds={"quick": 1, "full": 3},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
"""Surrogates of solver data, averaged over groups, over seeds."""
