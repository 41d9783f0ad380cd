"""What one seed measures: functions, sharing, dynamics, equations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from haar.systems.experiment import Parts, Work, options
from haar.systems.kkan.fits import dynamics, regression, sharing
from haar.systems.kkan.options import Options
from haar.systems.kkan.physics import physics
from haar.systems.kkan.targets import HALVES
from haar.watch import Watch


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> dict[str, Any]:
    """One seed.

    Args:
        config: A preset, see `Options`.
        seed: Seed of everything random.
        folder: Where finished parts are kept.
        watch: Told of the progress.
    """
    preset = options(Options, config)
    planned: dict[tuple[str, str], Work] = {}
    for name in HALVES:
        planned["regression", name] = partial(regression, preset, name, seed, watch)
    planned["symmetry", "sharing"] = partial(sharing, preset, seed)
    planned["learning", "dynamics"] = partial(dynamics, preset, seed)
    for name in preset.equations:
        planned["physics", name] = partial(physics, preset, name, seed, watch)
    return Parts(folder, watch).keep_all("experiments", planned)
