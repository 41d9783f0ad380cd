"""The recipe of structural equations: what is run, claimed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.recipe import Recipe
from haar.systems.structural_equations.claims import CLAIMS
from haar.systems.structural_equations.protocol import measure
from haar.systems.structural_equations.sections import told


def _games(how: Mapping[str, int], width: int, start: str) -> dict[str, Any]:
    return {**how, "width": width, "start": start}


_QUICK = {"rows": 800, "steps": 600, "batch_size": 200}
_FULL = {"rows": 2000, "sets": 5, "steps": 2000, "batch_size": 256}
_PLANE = {"sets": 5, "steps": 1500, "batch_size": 128}


def _tickets(rows: int, correlations: list[float], steps: int) -> dict[str, Any]:
    return {"rows": rows, "correlations": correlations, "steps": steps, "batch_size": 256, "width": 100}


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "functions": ["abs", "step", "sin"],
        "line": _games({**_QUICK, "sets": 3}, 64, "He"),
        "sine": [
            _games({**_QUICK, "sets": 1}, *networks) for networks in ((64, "default"), (100, "He"), (100, "default"))
        ],
        "plane": [_games({"rows": 500, "sets": 3, "steps": 400, "batch_size": 128}, 48, "default")],
        "transitions": 2000,
        "chain_steps": 1000,
        "wage_steps": 3200,
        "demand": [_tickets(1000, [0.5], 600)],
    },
    "full": {
        "functions": ["abs", "step", "sin", "x"],
        "line": _games(_FULL, 100, "default"),
        "sine": [_games(_FULL, *networks) for networks in ((100, "He"), (64, "default"), (64, "He"))],
        "plane": [_games({**_PLANE, "rows": rows}, 48, "default") for rows in (500, 2000)],
        "transitions": 10000,
        "chain_steps": 6000,
        "wage_steps": 3200,
        "demand": [_tickets(rows, [0.1, 0.25, 0.5, 0.75, 0.9], 2000) for rows in (1000, 5000)],
    },
}

RECIPE = Recipe(
    name="structural-equations",
    title="Structural equations by a min-max game",
    paper="L. Liao et al., Provably Efficient Neural Estimation of Structural Equation Models, arXiv 2007.01290.",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 5},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
