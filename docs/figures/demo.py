"""Draws `docs/images/demo.png`: what averaging does to a surrogate of turbulence, as `haar demo` shows it."""

import tempfile
from pathlib import Path

from haar.report.page import png
from haar.systems.group_averaging.demo import stories, tell
from haar.systems.group_averaging.demo_figures import draw_fields
from haar.watch import Unwatched

IMAGES = Path(__file__).parent.parent / "images"

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        finding = tell(stories(seed=0)[1], Path(folder), seed=0, watch=Unwatched())
    (IMAGES / "demo.png").write_bytes(png(draw_fields(finding)))
