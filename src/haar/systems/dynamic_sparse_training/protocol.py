"""What one seed measures: digits at a high sparsity, a pendulum with regimes by modules, and masks on orbits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from haar.systems.dynamic_sparse_training.control import agents
from haar.systems.dynamic_sparse_training.digits import digits
from haar.systems.dynamic_sparse_training.options import Options
from haar.systems.dynamic_sparse_training.orbits import orbits
from haar.systems.experiment import Parts, Work, options
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
    planned: dict[tuple[str, str], Work] = {
        ("sparse", "digits"): partial(digits, preset.digits, seed, watch),
        ("sparse", "orbits"): partial(orbits, preset.orbits, seed, watch),
    }
    for name, agent in agents(preset.control).items():
        planned["control", name] = partial(agent, seed=seed, watch=watch)
    found = Parts(folder, watch).keep_all("networks", planned)
    return {**found["sparse"], "control": found["control"]}
