"""What one seed measures: policies of a principal layer, networks on drawn tables, windows of real returns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from haar.systems.experiment import Parts, Work, options
from haar.systems.factor_networks.comparison import compare
from haar.systems.factor_networks.options import Options
from haar.systems.factor_networks.policies import compare_policies
from haar.systems.factor_networks.returns import rolling_returns
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
    planned: dict[tuple[str, str], Work] = {("gauge", "policies"): partial(compare_policies, preset.gauge, seed)}
    for name, world in preset.comparison.worlds.items():
        planned["networks", name] = partial(compare, preset.comparison, world, seed, watch)
    planned["returns", "windows"] = partial(rolling_returns, preset.returns, seed)
    return Parts(folder, watch).keep_all("experiments", planned)
