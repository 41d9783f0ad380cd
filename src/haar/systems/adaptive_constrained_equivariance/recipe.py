"""The reproduction: presets, claims, tables and figures (arXiv 2505.13631, by the protocol of docs/constrained.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.adaptive_constrained_equivariance.claims import CLAIMS
from haar.systems.adaptive_constrained_equivariance.protocol import measure
from haar.systems.adaptive_constrained_equivariance.published_presets import PUBLISHED
from haar.systems.adaptive_constrained_equivariance.sections import told
from haar.systems.recipe import Recipe

_OURS = ["strict", "free", "equality", "resilient", "ridge"]
_SCALE = ["strict without kappa", "equality undamped"]
_CHOSEN = ["resilient, price chosen", "ridge, price chosen", "residual pathway"]
_BASELINES = [
    "augmentation", "projection regulariser", "equivariance penalty", "scheduled", "relaxed convolution",
]  # fmt: skip


def _part(
    name: str,
    task: str,
    samples: list[int],
    betas: list[float],
    arms: list[str],
    *,
    plan: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    mode: str = "weight",
    draws: int = 0,
) -> dict[str, Any]:
    """A part of the experiment; rules with a setting try three values of it."""
    return {
        "name": name,
        "task": task,
        "options": dict(options or {}),
        "mode": mode,
        "samples": samples,
        "betas": betas,
        "arms": arms,
        "tried": True,
        "draws": draws,
        "plan": dict(plan),
    }


def _vectors(
    name: str,
    samples: list[int],
    betas: list[float],
    arms: list[str],
    *,
    order: int = 4,
    mode: str = "weight",
    draws: int = 0,
) -> dict[str, Any]:
    """A part on the table of vectors."""
    plan, options = {"steps": 1500}, {"order": order}
    return _part(name, "vectors", samples, betas, arms, plan=plan, options=options, mode=mode, draws=draws)


def _tests(name: str, samples: int, betas: list[float], networks: int) -> dict[str, Any]:
    """Strict networks, fitted for a while, and the score test of each."""
    plan = {"steps": 300, "tests": 100, "validation": 100}
    return {**_part(name, "vectors", [samples], betas, ["strict"], plan=plan, draws=99), "networks": networks}


_SCORES = [_tests("score test, no break", 64, [0.0], 100), _tests("score test, a break", 128, [0.25, 0.5, 1.0], 8)]

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "networks": 3,
        "parts": [
            _vectors(
                "weight", [256], [0.0, 1.0], [*_OURS, *_SCALE, "resilient, price chosen", "residual pathway"], draws=199
            ),
            _vectors("order 6", [256], [0.0, 1.0], ["strict", "free", "equality", "resilient"], order=6),
        ],
    },
    "full": {
        "networks": 5,
        "parts": [
            _vectors(
                "weight", [128, 256, 512], [0.0, 0.25, 0.5, 1.0], [*_OURS, *_SCALE, *_CHOSEN, *_BASELINES], draws=999
            ),
            *_SCORES,
            *(_vectors(f"order {n}", [256], [0.0, 1.0], [*_OURS, *_SCALE, *_CHOSEN], order=n) for n in (3, 6, 8)),
            _vectors("branches", [128, 512], [0.0, 0.5, 1.0], _OURS, mode="branches"),
            _part(
                "inertia",
                "inertia",
                [1000],
                [0.0, 0.3],
                [*_OURS, "augmentation", *_CHOSEN],
                plan={"steps": 1000, "batch_size": 500, "tests": 1000, "validation": 1000},
            ),
            _part(
                "charged particles",
                "charged",
                [200, 360, 800, 1440],
                [0.0],
                [*_OURS, "augmentation"],
                plan={"steps": 1500, "batch_size": 50, "learning_rate": 2e-3, "tests": 1000},
                options={"pool": 2000},
            ),
            _part(
                "walking",
                "walking",
                [200],
                [0.0, 1.0],
                [*_OURS, "resilient, price chosen", "ridge, price chosen"],
                plan={"steps": 1000, "batch_size": 12, "learning_rate": 2e-3, "tests": 400, "validation": 400},
            ),
        ],
    },
    **PUBLISHED,
}

RECIPE = Recipe(
    name="adaptive-constrained-equivariance",
    title="Approximately equivariant networks by constrained optimisation",
    paper="Manolache, Chamon, Niepert: Learning (Approximately) Equivariant Networks via Constrained Optimization, "
    "arXiv 2505.13631. The task of the first parts, its sizes, bounds and the damped solver are our own; numbers of "
    "the paper's tables stand beside claims about tasks of the same kind. Its data sets are not shipped, see "
    "`haar.data.published` for their readers.",
    presets=PRESETS,
    default_seeds={"quick": 3, "full": 3, **dict.fromkeys(PUBLISHED, 1)},
    measure=measure,
    claims=CLAIMS,
    sections=told,
)
"""Networks between equivariant and free, under every rule, on data whose symmetry is broken by a dial."""
