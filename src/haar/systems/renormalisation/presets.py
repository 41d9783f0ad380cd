"""How large the experiment is: quick shows the signs, full is the whole zoo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FAMILIES = ("free", "sum", "tied", "full", "odd")

_STEPS_OF_TWO = [
    *(["quadratic", family] for family in ("free", "sum", "odd", "tied")),
    *(["relu", family] for family in ("free", "odd", "graph")),
]

_WHOLE_STEPS = [["relu", family] for family in ("free", "circulant", "equivariant", "odd", "tied", "sum")]

QUICK: Mapping[str, Any] = {
    "networks": 4,
    "inputs": 4,
    "width": 16,
    "train_law": "gauss",
    "samples": 512,
    "steps": 1500,
    "test": 20_000,
    "perceptrons": [
        *(["relu", family, 1] for family in _FAMILIES),
        *(["quadratic", family, 1] for family in _FAMILIES),
        ["quadratic", "free", 2],
        ["quadratic", "sum", 2],
    ],
    "graphs": [
        ["complete", "distinct", "relu", 1],
        ["complete", "shared", "relu", 1],
        ["ring", "distinct", "relu", 1],
    ],
    "graph_networks": 3,
    "graph_samples": 512,
    "graph_steps": 800,
    "propagation_samples": 50_000,
    "random_networks": [[16, 2, 3], [64, 3, 2]],
    "random_draws": 1_500_000,
    "whole_steps": _WHOLE_STEPS,
    "sites": 4,
    "block": 2,
    "units": 64,
    "steps_of_two": _STEPS_OF_TWO,
    "step_width": 8,
    "spectrum_samples": 40_000,
    "flow_laws": ["exponential", "mixture"],
    "flow_steps": 5,
    "flow_blocks": 4096,
    "sweep": {"networks": [["relu", family] for family in ("free", "sum", "odd", "tied")], "samples": [64]},
    "breaking_networks": 8,
    "breaking_steps": 2000,
    "xor_steps": 300,
    "digit_steps": 300,
    "digit_widths": [[32, 32]],
    "closure_repeats": 1,
}
"""Three seeds: three to four minutes of one core."""

FULL: Mapping[str, Any] = {
    **QUICK,
    "steps_of_two": [*_STEPS_OF_TWO, ["relu", "tied"]],
    "networks": 8,
    "perceptrons": [
        [activation, family, depth]
        for activation in ("linear", "relu", "quadratic", "tanh", "gelu")
        for family in _FAMILIES
        for depth in (1, 2)
    ],
    "graphs": [
        [graph, sharing, "relu", depth]
        for graph in ("complete", "ring", "path")
        for sharing in ("distinct", "shared")
        for depth in (1, 2, 3)
    ],
    "graph_networks": 8,
    "graph_steps": 1500,
    "propagation_samples": 200_000,
    "random_networks": [[16, 2, 8], [16, 3, 8], [32, 3, 8], [64, 3, 8]],
    "random_draws": 4_000_000,
    "whole_steps": [
        [activation, family]
        for activation in ("relu", "quadratic", "tanh")
        for family in ("free", "circulant", "equivariant", "odd", "tied", "sum")
    ],
    "sites": 8,
    "units": 128,
    "spectrum_samples": 100_000,
    "flow_laws": ["exponential", "mixture", "laplace", "uniform"],
    "flow_blocks": 16_384,
    "sweep": {
        "networks": [["relu", family] for family in ("free", "sum", "odd", "tied")],
        "width": [4, 8, 16, 32, 64],
        "inputs": [2, 4, 8, 16],
        "samples": [64, 256, 512, 1024, 4096],
    },
    "breaking_networks": 16,
    "digit_widths": [[32, 32], [32, 32, 32]],
    "closure_repeats": 4,
}
"""The whole zoo, twenty-four networks of every architecture."""

PRESETS: Mapping[str, Mapping[str, Any]] = {"quick": QUICK, "full": FULL}
