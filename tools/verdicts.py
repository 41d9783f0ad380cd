"""Verdicts of a recipe over several first seeds, written into the page that tells of it.

    python tools/verdicts.py docs/compress.md OUT/model-hemorrhage-4000 OUT/model-hemorrhage-5000 ...

Each folder is what `haar reproduce NAME --first-seed N --out FOLDER` left. The page has a frame for them,

    <!-- verdicts NAME -->
    <!-- end of verdicts -->

and what stands inside is replaced: nobody types a measured number.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

VERDICTS = ("holds", "open", "contradicted")
FRAME = "<!-- verdicts {} -->\n(.*?)<!-- end of verdicts -->"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def cell(claim: dict[str, Any] | None) -> str:
    """What came out for one claim at one first seed."""
    if claim is None:
        return "-"
    value = number(claim["value"])
    if (claim["low"], claim["high"]) not in ((None, None), (claim["value"], claim["value"])):
        value += f" ({number(claim['low'])} to {number(claim['high'])})"
    return value if claim["verdict"] == "holds" else f"{value} **{claim['verdict']}**"


def seeds(result: dict[str, Any]) -> str:
    return f"{result['seeds'][0]} to {result['seeds'][-1]}"


def counted(result: dict[str, Any]) -> str:
    """How many claims hold, are open, are contradicted."""
    of = [sum(claim["verdict"] == verdict for claim in result["claims"]) for verdict in VERDICTS]
    return f"| {seeds(result)} | " + " | ".join(map(str, of)) + " |"


def in_full(claims: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Claims that stand alone: one that begins with "..." goes on from the last that does not."""
    told, whole = [], ""
    for claim in claims:
        if claim["claim"].startswith("..."):
            told.append(claim | {"claim": f"{whole} {claim['claim']}"})
        else:
            told.append(claim)
            whole = claim["claim"].split(" (")[0]
    return told


def rows(results: list[dict[str, Any]]) -> dict[str, list[dict[str, Any] | None]]:
    """Outcomes at every first seed, by the claim's own name, in the order of the recipe."""
    by_seed = [{claim["name"]: claim for claim in in_full(result["claims"])} for result in results]
    return {name: [by.get(name) for by in by_seed] for name in dict.fromkeys(n for by in by_seed for n in by)}


def table(results: list[dict[str, Any]], claims: dict[str, list[dict[str, Any] | None]]) -> list[str]:
    head = ["what is claimed", "bound", *map(seeds, results)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for outcomes in claims.values():
        told = next(outcome for outcome in outcomes if outcome is not None)
        plain = told["claim"].replace("|", r"\|")  # else it would end the cell
        lines.append("| " + " | ".join([plain, told["bound"], *map(cell, outcomes)]) + " |")
    return lines


def told(results: list[dict[str, Any]]) -> str:
    """How many hold; those that do not everywhere; all of them, folded."""
    claims = rows(results)
    not_everywhere = {
        name: outcomes
        for name, outcomes in claims.items()
        if any(outcome is not None and outcome["verdict"] != "holds" for outcome in outcomes)
    }
    lines = ["", "| seeds | hold | open | contradicted |", "|---|---|---|---|", *map(counted, results), ""]
    if not_everywhere:
        lines += ["What does not hold everywhere:", "", *table(results, not_everywhere), ""]
    folded = ["<details markdown>", "<summary>Every claim</summary>", "", *table(results, claims), "", "</details>"]
    return "\n".join([*lines, *folded, "", ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    given = parser.parse_args()
    results = [json.loads((folder / "result.json").read_text()) for folder in given.folders]
    (name,) = {result["system"] for result in results}
    text = given.page.read_text()
    frame = re.compile(FRAME.format(re.escape(name)), re.DOTALL)
    if not frame.search(text):
        print(f"{given.page} has no frame for {name}: see the head of this file", file=sys.stderr)
        return 2
    new = f"<!-- verdicts {name} -->\n{told(results)}<!-- end of verdicts -->"
    given.page.write_text(frame.sub(lambda _: new, text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
