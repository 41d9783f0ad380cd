"""Figures of `docs/renormalisation.md`.

Run: ``python docs/figures/renormalisation.py [FOLDER]``; finished seeds in the folder are kept.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

from haar.cli.screen import ProgressBars
from haar.report.page import png
from haar.systems.claim import filled
from haar.systems.recipe import load_recipe
from haar.systems.renormalisation.figures import (
    draw_breaking,
    draw_errors,
    draw_flow,
    draw_predicted,
    draw_spectrum,
    draw_whole_steps,
)
from haar.systems.runner import reproduce

#: Seeds that no setting was chosen on.
FIRST_SEED = 4000
IMAGES = Path(__file__).parent.parent / "images"


def main(out: Path) -> None:
    """Run the quick reproduction, or take up a finished one, and draw."""
    with ProgressBars() as bars:
        reproduce(load_recipe("renormalisation"), out=out, first_seed=FIRST_SEED, watch=bars)
    kept = [json.loads(path.read_text())["measures"] for path in sorted(out.glob("runs/*/measures.json"))]
    measures = filled(kept, math.nan)
    IMAGES.mkdir(exist_ok=True)
    for name, draw in {
        "errors": draw_errors,
        "flow": draw_flow,
        "spectrum": draw_spectrum,
        "prediction": draw_predicted,
        "breaking": draw_breaking,
        "steps": draw_whole_steps,
    }.items():
        (IMAGES / f"renormalisation-{name}.png").write_bytes(png(draw(measures)))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out/renormalisation"))
