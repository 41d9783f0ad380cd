"""Figures of `docs/factor_networks.md`.

Run: ``python docs/figures/factor_networks.py [FOLDER]``; finished seeds in the folder are kept.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from haar.cli.screen import ProgressBars
from haar.report.page import png
from haar.systems.factor_networks.sections import draw_networks, draw_policies, draw_returns
from haar.systems.recipe import load_recipe
from haar.systems.runner import reproduce

IMAGES = Path(__file__).parent.parent / "images"


def main(out: Path) -> None:
    """Run the quick reproduction, or take up a finished one, and draw."""
    with ProgressBars() as bars:
        reproduce(load_recipe("factor-networks"), out=out, watch=bars)
    measures = [json.loads(path.read_text())["measures"] for path in sorted(out.glob("runs/*/measures.json"))]
    IMAGES.mkdir(exist_ok=True)
    figures = {
        "networks": draw_networks(measures, list(measures[0]["networks"])),
        "policies": draw_policies(measures),
        "returns": draw_returns(measures),
    }
    for name, figure in figures.items():
        (IMAGES / f"factor-networks-{name}.png").write_bytes(png(figure))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out/factor-networks"))
