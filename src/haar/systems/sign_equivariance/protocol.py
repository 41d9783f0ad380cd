"""One seed of the experiments: twins, links, new graphs, particles, communities, planted patterns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from haar.systems.sign_equivariance.communities import measure_communities, measure_patterns
from haar.systems.sign_equivariance.inductive import measure_inductive
from haar.systems.sign_equivariance.keeping import Kept
from haar.systems.sign_equivariance.link_prediction import measure_links
from haar.systems.sign_equivariance.particles import measure_particles
from haar.systems.sign_equivariance.twins import measure_twins
from haar.watch import Watch

EXPERIMENTS: dict[str, tuple[str, Callable[[Mapping[str, Any], int, Kept], dict[str, Any]]]] = {
    "twins": ("twins that only signs tell apart", measure_twins),
    "links": ("links in nearly symmetric graphs", measure_links),
    "inductive": ("links in new graphs", measure_inductive),
    "particles": ("charged particles", measure_particles),
    "communities": ("communities with one named node", measure_communities),
    "patterns": ("planted patterns", measure_patterns),
}


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> dict[str, Any]:
    """Run every experiment of a preset.

    Each trained network leaves a file in the folder; a killed run goes on behind the last of them, with the same
    numbers, since every network is trained from seeds of its own.

    Args:
        config: A preset of the recipe: a configuration for each experiment.
        seed: Of everything random.
        folder: For the measures of every network.
        watch: Told of the progress.

    Returns:
        The measures of every experiment, by name.
    """
    found: dict[str, Any] = {}
    for name, (title, run) in EXPERIMENTS.items():
        if name in config:
            with watch.stage(title, _files(name, config[name])) as advance:
                found[name] = run(config[name], seed, Kept(folder, advance))
    return found


def _files(name: str, config: Mapping[str, Any]) -> int:
    """How many files an experiment leaves."""
    networks = config["networks"]
    if name == "links":
        return sum(1 + sum(map(len, scales.values())) for scales in networks.values())
    if name == "particles":
        usual = len(config["usual"]["networks"]) + 1 if "usual" in config else 0
        return sum(map(len, networks.values())) + 2 + len(config["costs"]["dims"]) + usual
    return len(networks)
