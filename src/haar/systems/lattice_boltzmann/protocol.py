"""What one seed measures: collisions that learn, and the flows that they run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from haar.systems.experiment import Parts, Work, options
from haar.systems.lattice_boltzmann.breaking import breaking
from haar.systems.lattice_boltzmann.coarse import coarse
from haar.systems.lattice_boltzmann.costs import costs
from haar.systems.lattice_boltzmann.lid import lid
from haar.systems.lattice_boltzmann.options import Options
from haar.systems.lattice_boltzmann.turbulence import turbulence
from haar.systems.lattice_boltzmann.vortices import references, vortices
from haar.watch import Watch

#: Channels of the equivariant network in the plane.
CHANNELS = 8


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> dict[str, Any]:
    """One seed.

    Args:
        config: A preset, see `Options`.
        seed: Seed of everything random.
        folder: Where finished parts are kept.
        watch: Told of the progress.
    """
    preset = options(Options, config)
    parts = Parts(folder, watch)
    planned: dict[tuple[str, str], Work] = {}
    for key, learning in preset.vortices.items():
        planned[key, "references"] = partial(references, learning, seed)
        for name in learning.models:
            planned[key, name] = partial(vortices, name, learning, seed, watch)
    if preset.turbulence is not None:
        for name in ("exact", *preset.turbulence.learning.models):
            planned["turbulence", name] = partial(turbulence, name, preset.turbulence, seed, watch)
    planned["costs", "D2Q9"] = partial(costs, "D2Q9", CHANNELS, seed)
    for name, channels in (preset.stencils or {}).items():
        planned["costs", name] = partial(costs, name, channels, seed)
    if preset.breaking is not None:
        planned["breaking", "anisotropic"] = partial(breaking, preset.breaking, seed, watch)
    if preset.coarse is not None:
        planned["coarse", "decaying"] = partial(coarse, preset.coarse, seed, watch)
    if preset.cavity is not None:
        planned["cavity", "lid"] = partial(lid, preset.cavity, seed, watch)
    return parts.keep_all("collisions", planned)
