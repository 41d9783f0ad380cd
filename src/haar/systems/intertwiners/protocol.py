"""What one seed measures: every pair, every timing, every learning curve."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from haar.systems.experiment import options
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
        folder: Not used: a seed is short.
        watch: Told of the progress.
    """
    del folder
    preset = options(Options, config)
    generator = torch.Generator().manual_seed(seed)
    pairs, timings, curves = {}, [], []
    names = preset.pairs or tuple(PAIRS)
    with watch.stage("counting maps", len(names)) as advance:
        for name in names:
            pairs[name] = check_pair(PAIRS[name], generator)
            advance()
    sizes = [(family, size) for family, many in preset.timings.items() for size in many]
    with watch.stage("timing", len(sizes)) as advance:
        for family, size in sizes:
            timings.append(timed(family, size, preset.repeats))
            advance()
    cells = [(task, samples) for task, many in preset.samples.items() for samples in many]
    with watch.stage("learning", len(cells)) as advance:
        for task, samples in cells:
            found = learn(task, samples, seed, rates=preset.rates, steps=preset.steps, test=preset.test)
            curves.append({"task": task, "samples": samples, "networks": found})
            advance()
    return {"pairs": pairs, "timings": timings, "curves": curves}
