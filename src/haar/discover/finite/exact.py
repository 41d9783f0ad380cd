"""The exact group: automorphisms of exact colours that the model accepts to rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from haar.discover.finite.colours import Labels
from haar.discover.finite.exchange import Exchange, Row
from haar.discover.finite.judge import Judge
from haar.discover.finite.search import Search
from haar.groups import PermutationGroup

#: Of numbers that are equal but for rounding: gaps below this share of the range are none.
EXACT_GAP = 1e-7


@dataclass(frozen=True)
class Candidate:
    """A group that a search came up with.

    Attributes:
        group: On the nodes of inputs and outputs.
        complete: Whether the search came to its end.
        asked: How many automorphisms were put to the model.
    """

    group: PermutationGroup
    complete: bool
    asked: int


def automorphisms(labels: Labels, exchange: Exchange, judge: Judge, *, level: float, limit: int) -> Candidate:
    """The group of the automorphisms of colours whose defect is at most a level.

    Args:
        labels: Colours of pairs of nodes.
        exchange: What the nodes are.
        judge: Asks the model.
        level: The largest defect that is accepted; 0 stands for rounding.
        limit: How many automorphisms may be put to the model.
    """

    def accepts(row: Row) -> Row | None:
        whole = judge.output_motion(row)
        return whole if judge.passes(whole, level) else None

    search = Search(labels, accepts, limit).run()
    return Candidate(generated(search.generators, exchange), search.finished, search.asked)


def generated(rows: Sequence[Row], exchange: Exchange) -> PermutationGroup:
    """The group on the nodes that elements generate, by Schreier and Sims."""
    given = np.stack([exchange.identity()]) if not len(rows) else np.stack(list(rows))
    return PermutationGroup(given.tolist())
