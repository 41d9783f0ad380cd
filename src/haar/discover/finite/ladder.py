"""Approximate groups: a ladder of the defects that are accepted of generators."""

from __future__ import annotations

import math

from haar.discover.finite.designs import Values
from haar.discover.finite.exact import Candidate, generated
from haar.discover.finite.exchange import Exchange, Row
from haar.discover.finite.judge import Judge
from haar.discover.finite.near_search import NearSearch

#: Each accepted defect over the one before, and the smallest over the tolerance.
_STEP, _LEAST = 0.7, 0.06


def climbed(
    values: Values, choices: int, exchange: Exchange, judge: Judge, *, tolerance: float, limit: int
) -> tuple[list[Candidate], int]:
    """Groups that generators of small defect generate, each once, and how many exchanges the model was asked about.

    A search that accepted nothing above some defect would find the same again down to there: those levels are skipped.

    Args:
        values: The model's values on the design, ``(nodes, nodes, numbers)``.
        choices: How many choices of weights these numbers are from.
        exchange: What may be exchanged.
        judge: Asks the model.
        tolerance: The largest defect that is accepted of a generator.
        limit: How many exchanges may be put to the model.
    """
    found: list[Candidate] = []
    asked, level = 0, tolerance
    scaled = values / (judge.spread * math.sqrt(choices))
    while level >= _LEAST * tolerance and asked < limit:

        def accepts(row: Row, level: float = level) -> Row | None:
            whole = judge.output_motion(row)
            return whole if judge.passes(whole, level) else None

        search = NearSearch(scaled, exchange, level, accepts, limit - asked).run()
        asked += search.asked
        if not search.generators:
            break
        candidate = Candidate(generated(search.generators, exchange), search.finished, search.asked)
        if not any(same_group(candidate, other) for other in found):
            found.append(candidate)
        worst = max(judge.defects(search.generators))
        while level >= max(worst, _LEAST * tolerance):
            level *= _STEP
    return found, asked


def same_group(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates are the same elements."""
    return one.group.order == other.group.order and bool(one.group.contains(other.group.generators()).all())
