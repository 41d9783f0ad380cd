"""What one seed measures: a pair of networks of every kind, trained apart and brought together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from haar.systems.experiment import Parts, Work, options
from haar.systems.mode_connectivity.ladder import perceptrons, transformers
from haar.systems.mode_connectivity.options import Options
from haar.watch import Watch


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> dict[str, Any]:
    """One seed: networks of the seeds 2 seed and 2 seed + 1.

    Args:
        config: A preset, see `Options`.
        seed: Seed of everything random.
        folder: Where finished pairs are kept.
        watch: Told of the progress.
    """
    preset = options(Options, config)
    parts = Parts(folder, watch)
    planned: dict[tuple[str, str], Work] = {}
    for width in preset.widths:
        planned["perceptrons", f"width {width}"] = partial(perceptrons, preset, seed, width, halves=False, watch=watch)
    planned["halves", "perceptrons"] = partial(perceptrons, preset, seed, preset.widths[-1], halves=True, watch=watch)
    for name in preset.transformers:
        planned["transformers", name] = partial(transformers, preset, name, seed, watch)
    return parts.keep_all("pairs of networks", planned)
