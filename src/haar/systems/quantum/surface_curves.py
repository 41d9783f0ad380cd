"""Energies along the stretch of LiH and along the inversion of NH3."""

from __future__ import annotations

from typing import Any

import torch

from haar.data.molecules import Molecules
from haar.systems.quantum.potential import Potential

Json = dict[str, Any]


def reference_curves() -> Json:
    """The surfaces that figures draw: the stretch of LiH, the inversion of NH3."""
    stretch, inversion = Molecules.shipped("lih"), Molecules.shipped("nh3-inversion")
    return {
        "lih": {"at": stretch.active.norm(dim=-1)[:, 0].tolist(), "energy": stretch.energy.tolist()},
        "nh3": {"at": torch.linspace(60, 120, len(inversion)).tolist(), "energy": inversion.energy.tolist()},
    }


def predicted_curve(name: str, potential: Potential) -> Json:
    """What a potential says along the reference curve of its molecule, if there is one."""
    along = {"lih": "lih", "nh3": "nh3-inversion"}
    if name not in along:
        return {}
    with torch.no_grad():
        return {"curve": potential(Molecules.shipped(along[name]).active).tolist()}
