"""Which compression methods see the gauge, and what the canonical gauge gains or loses: the table of docs/compress.md.

    python benchmarks/gauges.py [--seeds 2] [--first-seed 20] [--steps 600] [--json FILE] [--docs]

For each seed a small Llama with grouped queries learns Python's own documentation, character by character, and
`haar.compress.gauge` compresses copies of it that are one function in other parameters. Gaps are the largest over the
seeds; perplexities stand side by side, one for each seed. With --docs both tables are written into the page.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from peers import write_docs

from haar.compress import gauge
from haar.compress.gauge_report import INVARIANT
from haar.systems.model_hemorrhage.options import Characters
from haar.systems.model_hemorrhage.text import topics, trained
from haar.weights.small import LlamaSizes, SmallLlama

METHODS = (
    "magnitude", "magnitude (row)", "magnitude (global)", "wanda", "taylor", "obs", "obs (damped 0.01)", "sparsegpt",
    "ria", "2:4", "2:4 (wanda)", "quantise", "quantise (tensor)", "low rank", "low rank (data)", "units", "heads",
)  # fmt: skip
LEVELS = {"quantise": 4, "quantise (tensor)": 4}
GAUGES = ("as it came", "random gauge", "stream rotated", "canonical, own basis", "canonical")


def audited(seed: int, steps: int) -> dict:
    """One network: gaps and perplexities by method."""
    sizes = LlamaSizes(topics().characters, layers=2, dim=64, heads=4, groups=2, hidden=160)
    model = trained(SmallLlama(sizes), Characters(layers=2, steps=steps, batch_size=16, texts=64, calibration=64), seed)
    held, near = topics().drawn(64, seed), topics().drawn(64, seed + 1000)
    found = gauge(model, METHODS, ["perplexity"], [held], levels=LEVELS, calibration=[near], seed=seed)
    rows = {row.perturbation: {"level": row.level, "gaps": dict(row.gaps), "values": dict(row.values),
                               "canonical": row.canonical} for row in found.rows}  # fmt: skip
    return {"dense": found.dense, "rows": rows}


def lines(found: list[dict]) -> list[str]:
    """Both tables."""
    rows = found[0]["rows"]
    factors = list(next(iter(rows.values()))["gaps"])
    table = [f"| method | level | {' | '.join(factors)} | all, canonical first |", "|---" * (len(factors) + 3) + "|"]
    for name, row in rows.items():
        cells = [max(one["rows"][name]["gaps"][factor] for one in found) for factor in factors]
        cells.append(max(one["rows"][name]["canonical"] for one in found))
        shown = ["0" if cell <= INVARIANT else f"{cell:.2g}" for cell in cells]
        table.append(f"| {name} | {row['level']:g} | {' | '.join(shown)} |")
    dense = ", ".join(f"{one['dense']:.3g}" for one in found)
    table += ["", f"Perplexity after compression, one number a network; before it {dense}:", ""]
    table += [f"| method | {' | '.join(GAUGES)} | canonical over as it came |", "|---" * (len(GAUGES) + 2) + "|"]
    for name in rows:
        values = [[one["rows"][name]["values"][which] for one in found] for which in GAUGES]
        gain = ", ".join(f"{last / first - 1:+.1%}" for first, last in zip(values[0], values[-1], strict=True))
        shown = [", ".join(f"{value:.3g}" for value in cell) for cell in values]
        table.append(f"| {name} | {' | '.join(shown)} | {gain} |")
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=20)
    parser.add_argument("--steps", type=int, default=600)
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
