"""The score test of `docs/constrained.md`: its level and its power, on two parts of the recipe's full preset.

Run: ``python docs/figures/score_test.py FOLDER``; finished parts in the folder are kept. Three seeds from each first.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from haar.cli.screen import ProgressBars
from haar.systems.adaptive_constrained_equivariance.recipe import RECIPE
from haar.systems.adaptive_constrained_equivariance.sections import score_table
from haar.systems.claim import Judged, judge

PAGE = Path(__file__).parent.parent / "constrained.md"
BEGIN, END = "<!-- scores: written by docs/figures/score_test.py -->\n", "<!-- end of scores -->"
PARTS = ("score test, no break", "score test, a break")
FIRST_SEEDS, SEEDS = (4000, 5000, 6000), 3


def main(out: Path) -> None:
    """Measure three seeds from each first one, or take up finished ones, and write the tables into the page."""
    full = RECIPE.presets["full"]
    config = {**full, "parts": [part for part in full["parts"] if part["name"] in PARTS]}
    measures: dict[int, list[Any]] = {first: [] for first in FIRST_SEEDS}
    with ProgressBars() as bars:
        for first, found in measures.items():
            for seed in range(first, first + SEEDS):
                folder = out / str(seed)
                folder.mkdir(parents=True, exist_ok=True)
                found.append(RECIPE.measure(config, seed, folder, bars))
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(before + BEGIN + told(measures) + END + rest.split(END, 1)[1], encoding="utf-8")


def told(measures: Mapping[int, Sequence[Any]]) -> str:
    """What is claimed, from each first seed, and how often the test rejects in every cell of all, as markdown."""
    columns = [judge(RECIPE.claims, found) for found in measures.values()]
    heads = [f"{first} to {first + SEEDS - 1}" for first in measures]
    lines = ["", *_table(["what is claimed", "bound", *heads], [_row(one) for one in zip(*columns, strict=True)]), ""]
    every = [one for found in measures.values() for one in found]
    table = score_table([score for one in every for name in PARTS for score in one[name]["scores"]])
    shown = [[f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row] for row in table.rows]
    return "\n".join([*lines, *_table(table.columns, shown), "", ""])


def _row(judged: Sequence[Judged]) -> list[str]:
    cells = [
        f"{one.value:.3g} ({one.low:.3g} to {one.high:.3g})" + ("" if one.holds else f" **{one.verdict}**")
        for one in judged
    ]
    return [judged[0].claim, judged[0].bound, *cells]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    columns = [column.replace("<", "&lt;") for column in columns]  # <r180> is no tag
    return ["| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
