"""The source's settings on its own data, for those who have the files: `haar reproduce ... --preset nbody --data DIR`.

Splits, batches, optimisers, schedules and rates of the multipliers are those of the source's code as far as they are
known. Charged particles have the source's network, an SEGNN of degree one, and shapes its VN-DGCNN without batch norms;
motion capture, molecules and MD17 have an EGNN at the source's width and depth in place of EGNO and SchNet.
Arms "as published" use the source's solver; ours stand beside them. The settings of MD17 are our choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SYMMETRIC = ["strict", "free", "equality", "equality as published"]
_BROKEN = [*_SYMMETRIC, "resilient", "resilient as published", "ridge"]


def _preset(
    name: str,
    task: str,
    files: str,
    options: Mapping[str, Any],
    *,
    samples: int,
    networks: int,
    arms: list[str],
    plan: Mapping[str, Any],
) -> dict[str, Any]:
    part = {
        "name": name,
        "task": task,
        "files": files,
        "options": dict(options),
        "mode": "weight",
        "samples": [samples],
        "betas": [0.0],
        "arms": arms,
        "tried": True,
        "draws": 0,
        "plan": {"device": "auto", **plan},
    }
    return {"networks": networks, "needs_data": True, "parts": [part]}


def _walking(motion: str) -> dict[str, Any]:
    return _preset(
        f"motion capture, {motion}",
        "walking",
        "file",
        {"motion": motion, "hidden": 128, "layers": 6},
        samples=200,
        networks=5,
        arms=_BROKEN,
        plan={
            "steps": 3000 * 17,  # epochs of 200 windows in batches of 12
            "batch_size": 12,
            "learning_rate": 5e-4,
            "schedule": "constant",
            "clip": 1.0,
            "dual_rate": 2e-4,
            "tests": 600,
            "validation": 600,
        },
    )


PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "nbody": _preset(
        "charged particles",
        "charged",
        "files",
        {"hidden": 64, "layers": 4},
        samples=3000,
        networks=3,
        arms=_SYMMETRIC,
        plan={"steps": 1000 * 30, "batch_size": 100, "learning_rate": 9e-4, "schedule": "constant", "validation": 2000},
    ),
    "mocap-walk": _walking("walk"),
    "mocap-run": _walking("run"),
    "qm9": _preset(
        "molecules",
        "molecules",
        "files",
        {"hidden": 64, "layers": 5, "target": "U0"},
        samples=110_000,
        networks=1,
        arms=_SYMMETRIC,
        plan={
            "steps": 600 * 105,
            "batch_size": 1024,
            "learning_rate": 6e-4,
            "schedule": "steps",
            "dual_rate": 1e-2,
            "tests": 13_000,
            "validation": 13_000,
        },
    ),
    "modelnet40": _preset(
        "shapes",
        "shapes",
        "files",
        {"hidden": 21, "layers": 4, "nearest": 20},
        samples=10_000,
        networks=1,
        arms=_SYMMETRIC,
        plan={
            "steps": 250 * 277,
            "batch_size": 32,
            "learning_rate": 0.1,
            "optimizer": "sgd",
            "dual_rate": 1e-4,
            "validation": 900,
            "tests": 2468,
        },
    ),
    "md17": _preset(
        "molecular dynamics",
        "dynamics",
        "files",
        {"hidden": 64, "layers": 4},
        samples=1000,
        networks=3,
        arms=_SYMMETRIC,
        plan={"steps": 30_000, "batch_size": 100, "learning_rate": 1e-3, "validation": 1000},
    ),
}
"""By the preset's name."""
