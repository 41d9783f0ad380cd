"""What one seed measures: a pair of mixtures, dense and sparse, on a trunk that both share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from haar.systems.experiment import Parts, Work, options
from haar.systems.mixture_connectivity.options import Options
from haar.systems.mixture_connectivity.pairs import mixtures
from haar.watch import Watch


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> dict[str, Any]:
    """One seed.

    Args:
        config: A preset, see `Options`.
        seed: Seed of everything random.
        folder: Where finished pairs are kept.
        watch: Told of the progress.
    """
    preset = options(Options, config)
    planned: dict[tuple[str, str], Work] = {}
    for chosen in preset.chosen:
        name = "dense" if chosen == preset.experts else f"top {chosen}"
        planned["mixtures", name] = partial(mixtures, preset, seed, chosen, watch)
    return Parts(folder, watch).keep_all("pairs of mixtures", planned)
