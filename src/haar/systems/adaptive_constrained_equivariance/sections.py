"""The reproduction told: the table of all rules, the score tests, the figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean, median
from typing import Any

import numpy as np

from haar.report import Section, Table
from haar.report.table import Cell
from haar.systems.adaptive_constrained_equivariance.cells import LEVEL, RUNAWAY, diverged
from haar.systems.adaptive_constrained_equivariance.figures import Cells, draw_asymmetry, draw_errors, draw_scores

Measures = Sequence[Mapping[str, Any]]

_OURS = ("equality", "resilient")
_UNTRAINED = {"mean", "linear model", "persistence", "straight on"}


def told(measures: Measures) -> list[Section]:
    """All sections, in order."""
    sections = []
    for part in measures[0]:
        merged = merge(measures, part)
        if any(len(cell["rules"].keys() - _UNTRAINED) > 1 for cell in merged.values()):
            about = _TASKS.get(part, "") + _TABLE
            sections.append(Section(f"All rules: {part}", about, errors_table(merged)))
            sections.append(Section("", text=plainly(merged), figure=draw_errors(merged), caption=_ERRORS))
        if any("resilient" in cell["rules"] for cell in merged.values()) and _several_breaks(merged):
            sections.append(Section("", figure=draw_asymmetry(merged), caption=_ASYMMETRY))
        scores = [score for one in measures for score in one[part].get("scores", [])]
        if scores:
            title = f"Do the data have the symmetry? {part}"
            sections.append(Section(title, _SCORES, score_table(scores), draw_scores(scores), _SCORES_BELOW))
    return sections


_TASKS = {
    "order 3": "The vectors again, under the rotations by thirds of a turn. ",
    "order 6": "The vectors again, under the rotations by sixths of a turn. ",
    "order 8": "The vectors again, under the rotations by eighths of a turn. ",
    "inertia": "Five masses to their inertia tensor, under O(3); beta tells the vertical from other directions. ",
    "charged particles": "Where five charged particles are ten frames later, under O(3). The symmetry holds. ",
    "walking": "Where a walking skeleton's joints are thirty frames later, under O(3); with beta it sags as it goes. ",
    "branches": "The vectors again, with two branches a layer. ",
}
_TABLE = (
    "Loss on test data (without noise where data are generated), as each rule deploys its model: median over networks "
    f"and, in brackets, the least and greatest. Networks that diverged (a loss of more than {RUNAWAY} times that of "
    "the mean of the targets, or none that is finite) are counted; the latter stay out of the numbers. The last rows "
    "train no network. A rule with a setting shows, network by network, the value with the least loss on validation "
    "data; the column of tries says of how many."
)
_ERRORS = "Error as deployed: median over networks; bars from the least to the greatest."
_ASYMMETRY = (
    "What resilient models say about the data: largest |gamma| and relative equivariance error of each network."
)
_SCORES = (
    "The score test asks a strictly equivariant model whether its training data pull at it in directions that the "
    "symmetry forbids, more than the same data moved at random would. P-values are exact. Tension is the share of the "
    "gradient that points there."
)
_SCORES_BELOW = "P-values of every strict model; below the dashed line the symmetry is rejected at 5 %."


def merge(measures: Measures, part: str) -> dict[str, dict[str, Any]]:
    """The cells of a part, with the networks of all seeds together."""
    out: dict[str, dict[str, Any]] = {}
    for measured in measures:
        for name, cell in measured[part]["cells"].items():
            held = out.setdefault(name, {"samples": cell["samples"], "beta": cell["beta"], "rules": {}})
            for rule, values in cell["rules"].items():
                held["rules"].setdefault(rule, []).extend(values)
    return out


def _several_breaks(cells: Cells) -> bool:
    return len({cell["beta"] for cell in cells.values()}) > 1


def errors_table(cells: Cells) -> Table:
    """One row a rule, one column a cell."""
    rules = list(next(iter(cells.values()))["rules"])
    columns = [
        "rule",
        "tries",
        *(f"n = {cell['samples']}, beta = {cell['beta']:g}" for cell in cells.values()),
        "diverged",
    ]
    rows: list[list[Cell]] = []
    for rule in rules:
        row: list[Cell] = [rule, next(iter(cells.values()))["rules"][rule][0].get("tries")]
        ran_away = 0
        for cell in cells.values():
            values = [one["error"] for one in cell["rules"][rule]]
            known = [value for value in values if math.isfinite(value)]
            ran_away += len(runaways(cell["rules"], rule))
            row.append(f"{median(known):.3g} [{min(known):.3g}, {max(known):.3g}]" if known else None)
        rows.append([*row, ran_away])
    count = len(next(iter(next(iter(cells.values()))["rules"].values())))
    return Table("", columns, rows, note=f"{count} networks in every cell.")


def _share(values: Sequence[float]) -> float:
    """How many p-values reject; NaN where one is missing."""
    return float("nan") if any(map(math.isnan, values)) else mean(float(p <= LEVEL) for p in values)


def plainly(cells: Cells) -> str:
    """Which rule wins where, and where the simpler method does, in words."""
    lines = []
    for cell in cells.values():
        middle = {rule: _middle(values) for rule, values in cell["rules"].items()}
        order = sorted(middle, key=middle.__getitem__)
        ours = min(middle.get("equality", float("inf")), middle.get("resilient", float("inf")))
        better = [rule for rule in order if middle[rule] < ours and not rule.startswith(_OURS)]
        said = f"n = {cell['samples']}, beta = {cell['beta']:g}: least error by **{order[0]}**, then **{order[1]}**"
        if better:
            said += f"; better here than both equality and resilient: {', '.join(f'**{rule}**' for rule in better)}"
        lost = {rule: len(runaways(cell["rules"], rule)) for rule in order}
        counts = [f"{count} of {len(cell['rules'][rule])} of **{rule}**" for rule, count in lost.items() if count]
        said += f"; diverged: {', '.join(counts)}" if counts else ""
        lines.append(said + ".")
    return "\n\n".join(lines)


def runaways(rules: Mapping[str, Sequence[Mapping[str, Any]]], rule: str) -> list[Mapping[str, Any]]:
    """The networks of a rule that diverged; where the mean was not measured, those whose loss is not finite."""
    constants = rules.get("mean", [None] * len(rules[rule]))
    return [
        one
        for one, constant in zip(rules[rule], constants, strict=True)
        if not math.isfinite(one["error"]) or (constant is not None and diverged(one, constant))
    ]


def _middle(values: Sequence[Mapping[str, Any]]) -> float:
    known = [one["error"] for one in values if math.isfinite(one["error"])]
    return median(known) if known else float("inf")


def score_table(scores: Sequence[Mapping[str, Any]]) -> Table:
    """Share of rejections and median tension, by cell."""
    cells = sorted({(score["samples"], score["beta"]) for score in scores})
    groups = list(scores[0]["p"])
    rows: list[list[Cell]] = []
    for samples, beta in cells:
        here = [score for score in scores if (score["samples"], score["beta"]) == (samples, beta)]
        shares = [_share([score["p"][group] for score in here]) for group in groups]
        rows.append([samples, beta, *shares, float(np.median([score["tension"] for score in here])), len(here)])
    names = [f"rejected: {group}" for group in groups]
    return Table("", ["samples", "beta", *names, "median tension", "models"], rows)
