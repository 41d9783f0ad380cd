"""Colour refinement: nodes whose neighbours differ get different colours, until nothing changes."""

from __future__ import annotations

import numpy as np

from haar.discover.finite.colours import Labels
from haar.discover.finite.exchange import Row


def start(labels: Labels) -> Row:
    """Colours of the nodes before any is fixed."""
    return np.unique(np.diagonal(labels), return_inverse=True)[1].astype(np.int64)


def refined(labels: Labels, source: Row, target: Row) -> tuple[Row, Row] | None:
    """Two colourings of one graph refined together, so that equal colours mean the same in both; None if they part.

    Args:
        labels: Colours of the pairs; one tells both directions.
        source: Colours of the nodes.
        target: Colours of the nodes that those of the source shall be sent to, colour by colour.

    Source: Weisfeiler and Leman 1968; McKay and Piperno, Practical graph isomorphism II, 2014.
    """
    n = len(labels)
    while True:
        if not np.array_equal(np.sort(source), np.sort(target)):
            return None
        count = int(source.max()) + 1
        rows = []
        for colouring in (source, target):
            seen = np.sort(labels * count + colouring[None, :], axis=1)
            rows.append(np.concatenate([colouring[:, None], seen], axis=1))
        new = np.unique(np.concatenate(rows), axis=0, return_inverse=True)[1].reshape(-1)
        same = int(new.max()) + 1 == len(np.unique(source))
        source, target = new[:n], new[n:]
        if same:
            return source, target


def fixed(colouring: Row, node: int) -> Row:
    """The colouring with one node told apart."""
    told = colouring.copy()
    told[node] = colouring.max() + 1
    return told


def first_open(colouring: Row) -> int | None:
    """The first node of the smallest cell of more than one node; None if all nodes are told apart."""
    sizes = np.bincount(colouring)
    open_cells = np.flatnonzero(sizes > 1)
    if not len(open_cells):
        return None
    cell = open_cells[np.argmin(sizes[open_cells])]
    return int(np.flatnonzero(colouring == cell)[0])
