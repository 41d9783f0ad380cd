"""Writes the table of `docs/examples.md` and draws its picture by running every script of `examples/`.

Run it from the root of the project: ``python docs/figures/examples.py``. It takes about a minute.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[2]
PAGE, IMAGE = ROOT / "docs" / "examples.md", ROOT / "docs" / "images" / "examples.png"
BEGIN, END = "<!-- results: written by docs/figures/examples.py -->\n", "<!-- end of results -->"

#: Script, group, what is learned.
SCRIPTS = {
    "point_sets": ("SO(3) × S₅", "energy of five charges"),
    "planar_fields": ("D4", "acceleration of a flow, 16×16"),
    "volumes": ("O_h", "force on charges, 6×6×6"),
    "matrices": ("S₈ × S₅", "Sinkhorn's scaling, 8×5"),
    "tensors": ("SO(3)", "stress of a fibre material"),
    "own_group": ("T_h, from matrices", "field of a crystal"),
}
HEAD = ("script", "group", "learns", "equivariant", "plain", "plain, augmented", "wide plain, augmented")


def run() -> dict[str, Any]:
    """The comparison of every script."""
    sys.path.insert(0, str(ROOT / "examples"))
    torch.set_num_threads(1)
    return {name: runpy.run_path(str(ROOT / "examples" / f"{name}.py"))["main"]() for name in SCRIPTS}


def table(found: dict[str, Any]) -> str:
    """Errors, and parameters behind them, as a Markdown table."""
    rows = [HEAD, ("---",) * len(HEAD)]
    for name, comparison in found.items():
        own, plain, wide = comparison.parameters
        errors = (comparison.equivariant, comparison.plain, comparison.augmented, comparison.wide)
        cells = [f"{e:.3f} ({count})" for e, count in zip(errors, (own, plain, plain, wide), strict=True)]
        rows.append((f"`examples/{name}.py`", *SCRIPTS[name], *cells))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def draw(found: dict[str, Any]) -> Figure:
    """Four dots a script on a logarithmic axis of errors."""
    figure = Figure(figsize=(7.6, 3.2), layout="constrained", facecolor="white")
    axes = figure.subplots()
    series = {
        "equivariant": ("equivariant", "#1d4ed8", "o"),
        "plain": ("plain, as many parameters", "#9ca3af", "s"),
        "augmented": ("the same, augmented", "#d97706", "s"),
        "wide": ("wide plain, augmented", "#b91c1c", "D"),
    }
    places = range(len(found))
    for attribute, (label, color, marker) in series.items():
        values = [getattr(comparison, attribute) for comparison in found.values()]
        axes.plot(values, places, marker, color=color, label=label, markersize=6)
    axes.set_yticks(list(places), [f"{name}\n{SCRIPTS[name][0]}" for name in found], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("error on held-out samples (1: predicting the mean)", fontsize=9)
    axes.grid(axis="x", color="#e5e7eb")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def main() -> None:
    """Write the table between its marks, and the picture."""
    found = run()
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + BEGIN + table(found) + END + rest.split(END, 1)[1])
    draw(found).savefig(IMAGE, dpi=110)


if __name__ == "__main__":
    main()
