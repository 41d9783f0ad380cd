"""One seed: planted algebras, momenta, orbits, waves, networks, laws, and what has no symmetry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haar.systems.discovery import laws, learned, momenta, orbits, planted, waves
from haar.systems.experiment import Parts, options
from haar.watch import Unwatched, Watch


@dataclass(frozen=True)
class Experiment:
    """What a preset says.

    Args:
        samples: Samples of functions with a planted algebra.
        events: Momenta.
        steps: Of training.
        networks: Trained on so(3) data, a seed.
        random: Random networks without a symmetry, a seed.
        trained: Networks trained on structureless targets, a seed.
        signed: Random networks that are searched for signed permutations, a seed.
        exchanges: Functions of eight inputs that networks are trained on.
        fields: Fields on the grid.
        grid: Points along its sides.
        law: Samples of a law.
        space: Whether two bodies are also looked at in space.
    """

    samples: int
    events: int
    steps: int
    networks: int
    random: int
    trained: int
    signed: int
    exchanges: tuple[str, ...]
    fields: int
    grid: int
    law: int
    space: bool


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
        "planted": lambda: planted.planted(4, chosen.samples, seed),
        "units": lambda: planted.units(600, seed, 0.05),
        "momenta": lambda: momenta.exact(chosen.events, seed),
        "momenta learned": lambda: momenta.learned(4 * chosen.events, 2 * steps, seed),
        "two bodies": lambda: orbits.counts(400 if not chosen.space else 800, seed, space=chosen.space),
        "kepler": lambda: orbits.kepler_counts(300, seed),
        "kepler learned": lambda: orbits.learned(4000, 2 * steps, seed),
        "waves": lambda: waves.reaction(chosen.fields, chosen.grid, seed),
        "layers": lambda: waves.layers(16, seed),
        "rotations": lambda: {"networks": learned.rotations(3000, steps, chosen.networks, seed)},
        "controls": lambda: learned.false_positives(chosen.random, chosen.trained, chosen.signed, steps, seed),
        "exchanges": lambda: learned.exchanges(4000, steps, list(chosen.exchanges), seed),
        "laws": lambda: laws.laws(chosen.law, seed),
    }
    found: dict[str, Any] = {}
    with parts.stage(f"seed {seed}", len(plan)):
        for name, work in plan.items():
            found[name] = parts.keep(name, work)
    return found
