"""What one seed measures: every comparison, then cycles, dissipation, axes and the plate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from haar.systems.constitutive.comparisons import hexagon, lattice, neo_hookean, orientations, plastic, zener
from haar.systems.constitutive.options import Options, Trial
from haar.systems.constitutive.readings import averaged_on_orbits, cycles, dissipation, learned_axes, plate
from haar.systems.experiment import Parts, Work, options
from haar.watch import Watch


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> dict[str, Any]:
    """One seed.

    Args:
        config: A preset, see `Options`.
        seed: Seed of samples and weights.
        folder: Where finished parts are kept.
        watch: Told of the progress.
    """
    preset = options(Options, config)
    steps = preset.increments
    kinds: tuple[tuple[str, Trial, Callable[[Trial, int, int], dict[str, Any]]], ...] = (
        ("neo-Hookean", preset.neo_hookean, neo_hookean),
        ("lattice", preset.lattice, lattice),
        ("hexagon", preset.hexagon, hexagon),
        ("plastic", preset.plastic, partial(plastic, increments=steps)),
        ("zener", preset.zener, partial(zener, increments=steps)),
        ("orientations", preset.orientations, orientations),
    )
    planned: dict[tuple[str, str], Work] = {
        (name, str(count)): partial(compare, trial, count, seed)
        for name, trial, compare in kinds
        for count in trial.samples
    }
    planned |= {
        ("readings", "cycles"): partial(cycles, preset.orientations, seed),
        ("readings", "dissipation"): partial(dissipation, seed, steps),
        ("readings", "orbits"): partial(averaged_on_orbits, preset.lattice, seed),
        ("readings", "axes"): partial(learned_axes, preset, seed),
        ("readings", "plate"): partial(plate, preset, seed),
    }
    return Parts(folder, watch).keep_all("comparisons", planned)
