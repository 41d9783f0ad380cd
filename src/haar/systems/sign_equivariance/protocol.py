"""One seed of the experiments: twins, links, new graphs, particles, communities, planted patterns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haar.systems.experiment import Json, Parts, options
from haar.systems.sign_equivariance.communities import measure_communities, measure_patterns
from haar.systems.sign_equivariance.inductive import measure_inductive
from haar.systems.sign_equivariance.link_prediction import measure_links
from haar.systems.sign_equivariance.options import Links, Options, Particles
from haar.systems.sign_equivariance.particles import measure_particles
from haar.systems.sign_equivariance.twins import measure_twins
from haar.watch import Watch


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> Json:
    """Run every experiment of a preset.

    Each trained network leaves a file in the folder; a killed run goes on behind the last of them, with the same
    numbers, since every network is trained from seeds of its own.

    Args:
        config: A preset of the recipe, see `Options`.
        seed: Seed of everything random.
        folder: For the measures of every network.
        watch: Told of the progress.

    Returns:
        The measures of every experiment that the preset has, by name.
    """
    preset, kept, found = options(Options, config), Parts(folder, watch), Json()
    if preset.twins is not None:
        with kept.stage("twins that only signs tell apart", len(preset.twins.networks)):
            found["twins"] = measure_twins(preset.twins, seed, kept)
    if preset.links is not None:
        with kept.stage("links in nearly symmetric graphs", _files_of_links(preset.links)):
            found["links"] = measure_links(preset.links, seed, kept)
    if preset.inductive is not None:
        with kept.stage("links in new graphs", len(preset.inductive.networks)):
            found["inductive"] = measure_inductive(preset.inductive, seed, kept)
    if preset.particles is not None:
        with kept.stage("charged particles", _files_of_particles(preset.particles)):
            found["particles"] = measure_particles(preset.particles, seed, kept)
    if preset.communities is not None:
        with kept.stage("communities with one named node", len(preset.communities.networks)):
            found["communities"] = measure_communities(preset.communities, seed, kept)
    if preset.patterns is not None:
        with kept.stage("planted patterns", len(preset.patterns.networks)):
            found["patterns"] = measure_patterns(preset.patterns, seed, kept)
    return found


def _files_of_links(config: Links) -> int:
    return sum(1 + sum(map(len, scales.values())) for scales in config.networks.values())


def _files_of_particles(config: Particles) -> int:
    usual = len(config.usual.networks) + 1 if config.usual is not None else 0
    return sum(map(len, config.networks.values())) + 2 + len(config.costs.dims) + usual
