"""Automorphisms of a coloured graph that a check accepts, along a chain of stabilisers from the deepest up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from haar.discover.finite.colours import Labels
from haar.discover.finite.exchange import Row
from haar.discover.finite.refinement import first_open, fixed, refined, start

#: An element on the nodes of the inputs becomes one that the model accepts, or None.
Accepts = Callable[[Row], Row | None]


@dataclass
class Search:
    """A search for the accepted automorphisms of a coloured graph: individualise and refine, verify the leaves.

    From the deepest stabiliser up, one element is looked for that carries the base point to each candidate; candidates
    in one orbit of what was found are asked once. The order is the product of the orbits' lengths.

    Args:
        labels: Colours of pairs of nodes.
        accepts: The last word on an automorphism of the colours: the model's.
        limit: How many automorphisms may be put to it.

    Attributes:
        generators: Accepted elements that generate the group.
        order: Number of its elements; of a search that was not finished, of the group that they generate at least.
        asked: How many automorphisms were put to the check.
        finished: Whether the limit sufficed.
    """

    labels: Labels
    accepts: Accepts
    limit: int
    generators: list[Row] = field(default_factory=list)
    order: int = 1
    asked: int = 0
    finished: bool = True

    def run(self) -> Search:
        """Walk up the chain of stabilisers."""
        colouring = start(self.labels)
        pair = refined(self.labels, colouring, colouring)
        chain: list[tuple[int, Row]] = []
        while pair is not None and (node := first_open(pair[0])) is not None:
            chain.append((node, pair[0]))
            told = fixed(pair[0], node)
            pair = refined(self.labels, told, told)
        for level in range(len(chain) - 1, -1, -1):
            self.order *= self._orbit(chain, level)
        return self

    def _orbit(self, chain: list[tuple[int, Row]], level: int) -> int:
        """Length of the base point's orbit under the stabiliser of those before it; new generators are kept."""
        point, colouring = chain[level]
        candidates = np.flatnonzero(colouring == colouring[point])
        inside = orbit(self.generators, point)
        refused: set[int] = set()
        for image in candidates.tolist():
            if image in inside or image in refused:
                continue
            found = self._below(colouring, colouring, point, image)
            if found is not None:
                self.generators.append(found)
                inside = orbit(self.generators, point)
            else:
                refused |= orbit(self.generators, image)
        return len(inside)

    def _below(self, source: Row, target: Row, point: int, image: int) -> Row | None:
        """An accepted automorphism that sends the point to the image and one colouring to the other."""
        if self.asked >= self.limit:
            self.finished = False
            return None
        pair = refined(self.labels, fixed(source, point), fixed(target, image))
        if pair is None:
            return None
        source, target = pair
        following = first_open(source)
        if following is None:
            return self._leaf(source, target)
        for candidate in np.flatnonzero(target == source[following]).tolist():
            found = self._below(source, target, following, candidate)
            if found is not None:
                return found
        return None

    def _leaf(self, source: Row, target: Row) -> Row | None:
        row = np.empty_like(source)
        row[np.argsort(source)] = np.argsort(target)
        if not np.array_equal(self.labels[row][:, row], self.labels):
            return None
        self.asked += 1
        return self.accepts(row)


def orbit(generators: list[Row], point: int) -> set[int]:
    """Where elements and their products send a point."""
    seen, front = {point}, [point]
    for here in front:
        for row in generators:
            image = int(row[here])
            if image not in seen:
                seen.add(image)
                front.append(image)
    return seen
