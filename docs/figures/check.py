"""Draw the picture of the page on checks, from what its commands wrote.

Run the commands of docs/check.md in an empty folder, then
``python docs/figures/check.py FOLDER/haar-check/check.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from haar.check import Measured
from haar.check.sections import before_and_after
from haar.statistics import Estimate

if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text())["measured"]
    measured = Measured(**{name: Estimate(**v) if isinstance(v, dict) else v for name, v in told.items()})
    before_and_after(measured).savefig(Path(__file__).parents[1] / "images" / "check.png", dpi=144)
