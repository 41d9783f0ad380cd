"""Which compression methods see the gauge, and what the canonical gauge gains or loses: the tables of docs/compress.md.

    python benchmarks/gauges.py [--seeds 3] [--first-seed 20] [--steps 400] [--json FILE] [--docs]

For each seed a small Llama with grouped queries learns Python's own documentation, character by character, and
`haar.compress.gauge` compresses copies of it that are one function in other parameters; beside it stands the gauge that
`haar.compress.optimised` chooses, for pruning and for rounding. Gaps and perplexities are told by their median and
their range over the seeds. A minute on one core. With --docs the tables are written into the page.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch
from peers import write_docs

from haar.compress import gauge, optimised, sweep
from haar.compress.gauge_report import INVARIANT
from haar.systems.model_hemorrhage.options import Characters
from haar.systems.model_hemorrhage.text import topics, trained
from haar.weights.small import LlamaSizes, SmallLlama

METHODS = (
    "magnitude", "magnitude (row)", "magnitude (global)", "wanda", "taylor", "obs", "obs (damped 0.01)", "sparsegpt",
    "ria", "2:4", "2:4 (wanda)", "quantise", "quantise (tensor)", "low rank", "low rank (data)", "units", "heads",
)  # fmt: skip
LEVELS = {"quantise": 4, "quantise (tensor)": 4}
#: The level of all others that have more than one.
LEVEL = 0.5
CANONICAL = "canonical"
GAUGES = ("as it came", "random gauge", "stream rotated", "canonical, own basis", CANONICAL)
#: Objectives of the gauge that is chosen, and where it is compared.
OBJECTIVES = ("entropy", "spread")
CHOSEN = ("magnitude", "wanda", "sparsegpt", "2:4", "quantise", "quantise (tensor)")


def audited(seed: int, steps: int) -> dict:
    """One network: gaps and perplexities by method."""
    sizes = LlamaSizes(topics().characters, layers=2, dim=48, heads=4, groups=2, hidden=96)
    model = trained(SmallLlama(sizes), Characters(layers=2, steps=steps, batch_size=16, texts=32, calibration=32), seed)
    held, near = topics().drawn(32, seed), topics().drawn(32, seed + 1000)
    found = gauge(model, METHODS, ["perplexity"], [held], levels=LEVELS, calibration=[near], seed=seed)
    rows = {row.perturbation: {"level": row.level, "gaps": dict(row.gaps), "values": dict(row.values),
                               "canonical": row.canonical} for row in found.rows}  # fmt: skip
    levels = {name: [LEVELS.get(name, LEVEL)] for name in CHOSEN}
    for objective in OBJECTIVES:
        chosen = optimised(model, objective).model
        told = sweep(chosen, CHOSEN, ["perplexity"], [held], levels=levels, calibration=[near], draws=0, seed=seed)
        for curve in told.curves:
            rows[curve.perturbation.name]["values"][objective] = curve.points[0].value
    return {"dense": found.dense, "rows": rows}


def ranged(values: Sequence[float], form: str = ".3g") -> str:
    """A median and the range of some numbers."""
    shown = [f"{value:{form}}" for value in (median(values), min(values), max(values))]
    return shown[0] if shown[1] == shown[2] else f"{shown[0]} ({shown[1]} to {shown[2]})"


def gaps(found: list[dict]) -> list[str]:
    """Who sees what."""
    rows = found[0]["rows"]
    factors = list(next(iter(rows.values()))["gaps"])
    table = [f"| method | level | {' | '.join(factors)} | all, canonical first |", "|---" * (len(factors) + 3) + "|"]
    for name, row in rows.items():
        cells = [[one["rows"][name]["gaps"][factor] for one in found] for factor in factors]
        cells.append([one["rows"][name]["canonical"] for one in found])
        seen = [[0.0 if gap <= INVARIANT else gap for gap in cell] for cell in cells]
        shown = [ranged(cell, ".2g") for cell in seen]
        table.append(f"| {name} | {row['level']:g} | {' | '.join(shown)} |")
    return table


def costs(found: list[dict]) -> list[str]:
    """What compression costs in each gauge."""
    rows = found[0]["rows"]
    dense = ranged([one["dense"] for one in found])
    table = [f"Perplexity after compression, median and range over {len(found)} networks; before it {dense}:", ""]
    table += [f"| method | {' | '.join(GAUGES)} | canonical over as it came |", "|---" * (len(GAUGES) + 2) + "|"]
    for name in rows:
        values = [[one["rows"][name]["values"][which] for one in found] for which in GAUGES]
        table.append(f"| {name} | {' | '.join(map(ranged, values))} | {gain(values[0], values[-1])} |")
    return table


def chosen(found: list[dict]) -> list[str]:
    """What a gauge that was chosen for a method is worth beside the others."""
    shown = ("as it came", CANONICAL, *OBJECTIVES)
    table = ["Perplexity with the gauge chosen by an objective:", ""]
    heads = [f"optimised, {one}" if one in OBJECTIVES else one for one in shown]
    table += [
        f"| method | {' | '.join(heads)} | entropy over canonical | spread over canonical |",
        "|---" * (len(heads) + 3) + "|",
    ]
    for name in CHOSEN:
        values = {which: [one["rows"][name]["values"][which] for one in found] for which in shown}
        gains = " | ".join(gain(values[CANONICAL], values[one]) for one in OBJECTIVES)
        table.append(f"| {name} | {' | '.join(map(ranged, values.values()))} | {gains} |")
    return table


def gain(before: Sequence[float], after: Sequence[float]) -> str:
    """How much more or less one costs than the other, network by network."""
    return ranged([last / first - 1 for first, last in zip(before, after, strict=True)], "+.1%")


def lines(found: list[dict]) -> list[str]:
    """All tables."""
    return [*gaps(found), "", *costs(found), "", *chosen(found)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=20)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/compress.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = [audited(options.first_seed + k, options.steps) for k in range(options.seeds)]
    print("\n".join(lines(found)))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    if options.docs:
        write_docs("compress", "gauges", "\n".join(lines(found)))


if __name__ == "__main__":
    main()
