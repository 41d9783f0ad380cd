"""Near automorphisms: exchanges under which a model's values on the design hardly change, found along a chain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from haar.discover.finite.designs import Values
from haar.discover.finite.exchange import Exchange, Row
from haar.discover.finite.search import Accepts, orbit

Assigned = NDArray[np.int64]

#: On the design, away from the data, a symmetry may fail by so many times what is accepted on the data.
_ALLOWED = 2.5
#: Exchanges that are put to the model for one image of one base point, the most promising first; and how many
#: assignments of single entries are tried for them, for each entry.
_PATIENCE, _EFFORT = 40, 40


@dataclass
class NearSearch:
    """A search like `Search` for exchanges that are nearly symmetries: distances of values in place of colours.

    An assignment of nodes grows one entry at a time, the image of least change first, and is given up where the mean
    square change of the values between the new node and those before exceeds what the level allows.

    Args:
        values: The model's values on the design, ``(nodes, nodes, numbers)``, over sqrt(2 tr Cov f).
        exchange: What the nodes are.
        level: The largest defect that is of interest.
        accepts: The last word on an exchange: the model's, on data.
        limit: How many exchanges may be put to it.

    Attributes:
        generators: Accepted elements.
        asked: How many exchanges were put to the check.
        finished: Whether neither the limit nor the patience for one image ran out.
    """

    values: Values
    exchange: Exchange
    level: float
    accepts: Accepts
    limit: int
    generators: list[Row] = field(default_factory=list)
    asked: int = 0
    finished: bool = True

    def run(self) -> NearSearch:
        """Walk up the chain of stabilisers of the entries, in their order."""
        self._entries = [i for block in self.exchange.members for i in block]
        self._step = 2 if self.exchange.signed else 1
        for depth in range(len(self._entries) - 1, -1, -1):
            self._images(depth)
        return self

    def _images(self, depth: int) -> None:
        """An element for each image of one entry under the stabiliser of those before it."""
        still = [self._step * i + s for i in self._fixed(depth) for s in range(self._step)]
        kept = np.asarray(still, dtype=np.int64)
        point = self._step * self._entries[depth]
        inside = orbit(self.generators, point)
        refused: set[int] = set()
        for image in self._candidates(depth, kept, kept):
            if image in inside or image in refused:
                continue
            found = self._first_accepted(depth, image, kept)
            if found is not None:
                self.generators.append(found)
                inside = orbit(self.generators, point)
            else:
                refused |= orbit(self.generators, image)

    def _fixed(self, depth: int) -> list[int]:
        return [*sorted(self.exchange.still), *self._entries[:depth]]

    def _first_accepted(self, depth: int, image: int, kept: Assigned) -> Row | None:
        self._tried = 0
        for patience, row in enumerate(self._below(depth, image, kept, kept)):
            if patience == _PATIENCE or self.asked >= self.limit:
                self.finished = False
                return None
            self.asked += 1
            found = self.accepts(row)
            if found is not None:
                return found
        return None

    def _below(self, depth: int, image: int, source: Assigned, target: Assigned) -> Iterator[Row]:
        """Whole exchanges that continue an assignment by one entry's image."""
        self._tried += 1
        if self._tried > _EFFORT * len(self._entries):
            self.finished = False
            return
        node = self._step * self._entries[depth]
        if self._step == 2:
            source, target = np.append(source, [node, node ^ 1]), np.append(target, [image, image ^ 1])
        else:
            source, target = np.append(source, node), np.append(target, image)
        if depth + 1 == len(self._entries):
            row = np.empty(self.exchange.nodes, dtype=np.int64)
            row[source] = target
            yield row
            return
        for following in self._candidates(depth + 1, source, target):
            yield from self._below(depth + 1, following, source, target)

    def _candidates(self, depth: int, source: Assigned, target: Assigned) -> list[int]:
        """Nodes that an entry may be sent to, the one that changes least first."""
        node = self._step * self._entries[depth]
        free = self.exchange.kinds == self.exchange.kinds[node]
        free[target] = False
        nodes = np.flatnonzero(free)
        values = self.values
        changes = [np.square(values[nodes, nodes] - values[node, node]).sum(-1)[:, None]]
        if self._step == 2:
            changes.append(np.square(values[nodes, nodes ^ 1] - values[node, node ^ 1]).sum(-1)[:, None])
        if len(source):
            changes.append(np.square(values[nodes][:, target] - values[node, source]).sum(-1))
            changes.append(np.square(values[:, nodes][target].swapaxes(0, 1) - values[source, node]).sum(-1))
        cost = np.concatenate(changes, axis=1).mean(1)
        order = np.argsort(cost, kind="stable")
        found: list[int] = nodes[order][cost[order] <= (_ALLOWED * self.level) ** 2].tolist()
        return found
