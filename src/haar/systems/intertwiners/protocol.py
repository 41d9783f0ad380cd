"""What one seed measures: every pair, every timing, every learning curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from haar.systems.experiment import Parts, options
from haar.systems.intertwiners.exactness import check_pair
from haar.systems.intertwiners.learning import learn
from haar.systems.intertwiners.options import Options
from haar.systems.intertwiners.pairs import PAIRS
from haar.systems.intertwiners.timings import timed
from haar.watch import Watch


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> dict[str, Any]:
    """One seed.

    Args:
        config: A preset, see `Options`.
        seed: Seed of everything random.
        folder: Where finished parts are kept: all pairs, every timing, every learning curve.
        watch: Told of the progress.
    """
    preset, parts = options(Options, config), Parts(folder, watch)
    pairs = parts.keep("pairs", partial(_pairs, preset.pairs or tuple(PAIRS), seed, watch))
    sizes = [(family, size) for family, many in preset.timings.items() for size in many]
    with parts.stage("timing", len(sizes)):
        timings = [
            parts.keep(f"timing {family} {size}", partial(timed, family, size, preset.repeats))
            for family, size in sizes
        ]
    cells = [(task, samples) for task, many in preset.samples.items() for samples in many]
    with parts.stage("learning", len(cells)):
        curves = [
            parts.keep(f"{task} {samples}", partial(_curve, task, samples, seed, preset)) for task, samples in cells
        ]
    return {"pairs": pairs, "timings": timings, "curves": curves}


def _pairs(names: Sequence[str], seed: int, watch: Watch) -> dict[str, Any]:
    """What is found of every pair; one after the other draws from one source, so that all of them are one part."""
    generator, found = torch.Generator().manual_seed(seed), {}
    with watch.stage("counting maps", len(names)) as advance:
        for name in names:
            found[name] = check_pair(PAIRS[name], generator)
            advance()
    return found


def _curve(task: str, samples: int, seed: int, preset: Options) -> dict[str, Any]:
    """What every network learns of so many samples of a task."""
    found = learn(task, samples, seed, rates=preset.rates, steps=preset.steps, test=preset.test)
    return {"task": task, "samples": samples, "networks": found}
