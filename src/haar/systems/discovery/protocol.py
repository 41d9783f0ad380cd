"""One seed: planted algebras, momenta, orbits, waves, networks, laws, and what has no symmetry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haar.systems.discovery.laws import laws
from haar.systems.discovery.learned import exchanges, false_positives, rotations
from haar.systems.discovery.momenta import exact
from haar.systems.discovery.momenta import learned as learned_momenta
from haar.systems.discovery.options import Experiment
from haar.systems.discovery.orbits import counts, kepler_counts
from haar.systems.discovery.orbits import learned as learned_orbits
from haar.systems.discovery.planted import planted, units
from haar.systems.discovery.waves import layers, reaction
from haar.systems.experiment import Parts, options
from haar.watch import Unwatched, Watch


def measure(preset: Mapping[str, Any], seed: int, folder: Path, watch: Watch = Unwatched()) -> dict[str, Any]:
    """All measures of one seed.

    Args:
        preset: What is done, see `Experiment`.
        seed: Of everything random.
        folder: Where finished parts are kept.
        watch: Told of every part.
    """
    chosen, parts = options(Experiment, preset), Parts(folder, watch)
    steps = chosen.steps
    plan = {
        "planted": lambda: planted(4, chosen.samples, seed),
        "units": lambda: units(600, seed, 0.05),
        "momenta": lambda: exact(chosen.events, seed),
        "momenta learned": lambda: learned_momenta(30 * chosen.events, 4 * steps, seed),
        "two bodies": lambda: counts(400 if not chosen.space else 800, seed, space=chosen.space),
        "kepler": lambda: kepler_counts(300, seed),
        "kepler learned": lambda: learned_orbits(4000, 4 * steps, seed),
        "waves": lambda: reaction(chosen.fields, chosen.grid, seed),
        "layers": lambda: layers(16, seed),
        "rotations": lambda: {"networks": rotations(3000, steps, chosen.networks, seed)},
        "controls": lambda: false_positives(chosen.random, chosen.trained, chosen.signed, steps, seed),
        "exchanges": lambda: exchanges(4000, steps, list(chosen.exchanges), seed),
        "laws": lambda: laws(chosen.law, seed),
    }
    found: dict[str, Any] = {}
    with parts.stage(f"seed {seed}", len(plan)):
        for name, work in plan.items():
            found[name] = parts.keep(name, work)
    return found
