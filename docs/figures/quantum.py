"""Figures and errors of `docs/quantum.md`; its verdicts are written by `tools/verdicts.py`.

Run: ``python docs/figures/quantum.py [FOLDER [SEED]]``; finished seeds in the folder are kept. Three seeds from SEED
on, quick preset.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

from haar.cli.screen import ProgressBars
from haar.report.page import png
from haar.systems.quantum.claims import models, tables, title
from haar.systems.quantum.figures import draw_errors, draw_frames, draw_surfaces, draw_trainability
from haar.systems.quantum.sections import board_table, errors_table
from haar.systems.recipe import load_recipe
from haar.systems.runner import reproduce

PAGE = Path(__file__).parent.parent / "quantum.md"
IMAGES = Path(__file__).parent.parent / "images"
BEGIN, END = "<!-- results: written by docs/figures/quantum.py -->\n", "<!-- end of results -->"
SEEDS = 3


def main(out: Path, first_seed: int = 0) -> None:
    """Run the reproduction, or take up a finished one; draw, and write the tables into the page."""
    with ProgressBars() as bars:
        result = reproduce(load_recipe("quantum-equivariance"), seeds=SEEDS, first_seed=first_seed, out=out, watch=bars)
    kept = [json.loads(path.read_text())["measures"] for path in out.glob("runs/*/measures.json")]
    measures = sorted((one for one in kept if one["seed"] in result.seeds), key=lambda one: int(one["seed"]))
    IMAGES.mkdir(exist_ok=True)
    for name, draw in {
        "errors": draw_errors,
        "surfaces": draw_surfaces,
        "frames": draw_frames,
        "trainability": draw_trainability,
    }.items():
        (IMAGES / f"quantum-{name}.png").write_bytes(png(draw(measures)))
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + BEGIN + told(measures) + END + rest.split(END, 1)[1], encoding="utf-8")


def told(measures: list[dict]) -> str:
    """The errors of all models and of the board circuits, as markdown."""
    lines = ["| data | model | parameters | train E | test E | test F | test/train |", "|---|---|---|---|---|---|---|"]
    for table in tables(measures):
        shown = errors_table(measures, table)
        at = [shown.columns.index(name) for name in ("parameters", "train E", "test E", "test F", "test/train")]
        for model, row in zip(models(measures, table), shown.rows, strict=True):
            cells = [f"{row[k]:.3g}" if isinstance(row[k], float) else str(row[k]) for k in at]
            lines.append(f"| {title(table)} | {model} | " + " | ".join(cells) + " |")
    seeds = f"{measures[0]['seed']} to {measures[-1]['seed']}"
    lines += [
        "",
        f"Medians over seeds {seeds} of the quick preset; root mean squared errors: E in mHa, F in mHa/A.",
        "",
    ]
    board = {str(row[0]): row for row in board_table(measures).rows}
    shares = " and ".join(f"{row[3]:.2f} ({name}, {row[1]} parameters)" for name, row in board.items())
    lines.append(f"Noughts and crosses from 20 games of each outcome, share of other games judged right: {shares}.")
    moved = {
        name: median(
            one["frames"][name]["moved"]["rmse"] / one["frames"][name]["canonical"]["rmse"] for one in measures
        )
        for name in measures[0]["frames"]
    }
    ratios = ", ".join(f"{name} {ratio:.3g}" for name, ratio in moved.items())
    lines.append(f"Error on turned and relabelled molecules over the error in the frame of the training set: {ratios}.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out/quantum-equivariance"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 0,
    )
