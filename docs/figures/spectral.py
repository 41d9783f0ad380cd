"""Figures of `docs/spectral.md`.

Run: ``python docs/figures/spectral.py [FOLDER]``; finished seeds in the folder are kept.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from haar.cli.screen import ProgressBars
from haar.report.page import png
from haar.systems.recipe import load_recipe
from haar.systems.runner import reproduce
from haar.systems.sign_equivariance.figures import draw_bars_of, draw_links, draw_particles
from haar.systems.sign_equivariance.link_networks import LABELS as LINKS
from haar.systems.sign_equivariance.particle_networks import LABELS as MOVERS

IMAGES = Path(__file__).parent.parent / "images"


def main(out: Path) -> None:
    """Run the quick reproduction, or take up a finished one, and draw."""
    with ProgressBars() as bars:
        reproduce(load_recipe("sign-equivariance"), out=out, watch=bars)
    measures = [json.loads(path.read_text())["measures"] for path in sorted(out.glob("runs/*/measures.json"))]
    IMAGES.mkdir(exist_ok=True)
    figures = {
        "twins": draw_bars_of(
            [m["twins"] for m in measures], LINKS, "accuracy", y="edge scored above its twin", chance=0.5
        ),
        "links": draw_links([m["links"] for m in measures], LINKS),
        "particles": draw_particles([m["particles"] for m in measures], MOVERS),
    }
    for name, figure in figures.items():
        (IMAGES / f"spectral-{name}.png").write_bytes(png(figure))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out/sign-equivariance"))
