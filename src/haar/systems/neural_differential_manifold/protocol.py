"""What one seed measures: what is exact, two charts, a sphere, a disc."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haar.systems.experiment import Parts, options
from haar.systems.neural_differential_manifold.charts import compare
from haar.systems.neural_differential_manifold.disc import learn_disc
from haar.systems.neural_differential_manifold.exactness import averaged, decoder, great_circle, spaces
from haar.systems.neural_differential_manifold.globe import learn_globe
from haar.systems.neural_differential_manifold.options import Options
from haar.watch import Watch


def measure(config: Mapping[str, Any], seed: int, folder: Path, watch: Watch) -> dict[str, Any]:
    """One seed.

    Args:
        config: A preset, see `Options`.
        seed: Seed of everything random.
        folder: Where finished parts are kept.
        watch: Told of the progress.
    """
    preset, parts = options(Options, config), Parts(folder, watch)
    return {
        "spaces": parts.keep("spaces", lambda: spaces(seed)),
        "great circle": parts.keep("great circle", lambda: {"misses": great_circle()})["misses"],
        "decoder": parts.keep("decoder", lambda: decoder(seed)),
        "averaged": parts.keep("averaged", lambda: {"metrics": averaged(preset.metrics, seed)})["metrics"],
        "charts": parts.keep("charts", lambda: {"pairs": compare(preset.charts, seed)})["pairs"],
        "sphere": parts.keep("sphere", lambda: learn_globe(preset.penalties, preset.steps, preset.hidden, seed, watch)),
        "disc": parts.keep(
            "disc",
            lambda: {"rows": learn_disc(preset.observations, preset.disc_steps, preset.hidden, seed, watch)},
        )["rows"],
    }
