"""The figures and the table of the page on constrained relaxation, from a finished run of its recipe.

haar reproduce adaptive-constrained-equivariance --out run
python docs/figures/constrained.py run [out]
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path

from haar.report.page import png
from haar.systems.adaptive_constrained_equivariance.figures import draw_errors
from haar.systems.adaptive_constrained_equivariance.sections import errors_table, merge, plainly
from haar.systems.claim import filled

_PAGE = Path(__file__).parent.parent / "constrained.md"


def main(run: Path, out: Path) -> None:
    """Write the picture, and the table between its marks in the page."""
    found = [json.loads(path.read_text())["measures"] for path in sorted(run.glob("runs/*/measures.json"))]
    cells = merge(filled(found, math.nan), "weight")
    (out / "constrained-errors.png").write_bytes(png(draw_errors(cells)))
    table = errors_table(cells)
    rows = [table.columns, ["---"] * len(table.columns), *table.rows]
    lines = ["| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |" for row in rows]
    written = "\n".join([*lines, "", table.note, "", plainly(cells)])
    page = _PAGE.read_text()
    _PAGE.write_text(
        re.sub("(<!-- table -->\n).*(<!-- end -->)", lambda m: f"{m[1]}{written}\n{m[2]}", page, flags=re.DOTALL)
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parent.parent / "images"))
