"""All of a small group asked: its elements sorted by defect, cut where the smallest ones are a subgroup."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch

from haar.discover.finite.exact import Candidate, generated
from haar.discover.finite.exchange import Exchange, Row
from haar.discover.finite.judge import Judge

#: Largest group of which every element is asked.
LARGEST_SCAN = 10_000


def ambient_order(exchange: Exchange) -> int:
    """Number of all exchanges within blocks, with all changes of sign where entries may change it."""
    return math.prod(
        math.factorial(len(block)) * (2 ** len(block) if exchange.signed else 1) for block in exchange.members
    )


def everything(exchange: Exchange) -> Iterator[Row]:
    """Every exchange within blocks, with every choice of signs, the identity first."""
    moving = [i for block in exchange.members for i in block]
    choices = list(itertools.product((1, -1), repeat=len(moving) if exchange.signed else 0))
    places, signs = np.arange(exchange.count), np.ones(exchange.count, dtype=np.int64)
    for images in itertools.product(*(itertools.permutations(block) for block in exchange.members)):
        for block, image in zip(exchange.members, images, strict=True):
            places[block] = image
        for choice in choices:
            if exchange.signed:
                signs[moving] = choice
            yield exchange.of_entries(places, signs)


def scanned(exchange: Exchange, judge: Judge, *, tolerance: float) -> list[Candidate]:
    """Subgroups that consist of the elements of smallest defect, up to the tolerance.

    Args:
        exchange: What may be exchanged; the group of all of it has at most `LARGEST_SCAN` elements.
        judge: Asks the model.
        tolerance: The largest defect that is of interest.
    """
    rows = [judge.output_motion(row[: exchange.nodes]) for row in everything(exchange)]
    small = judge.small(rows, tolerance)
    found: list[Candidate] = []
    generators: list[Row] = []
    group = generated(generators, exchange)
    for count, row in enumerate(small, 1):
        if not bool(group.contains(torch.from_numpy(row))):
            generators.append(row)
            group = generated(generators, exchange)
        if group.order > len(small):
            break
        if group.order == count > 1:
            found.append(Candidate(group, True, len(rows)))
    return found
