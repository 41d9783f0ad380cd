"""Connected components of a graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def connected_roots(n: int, start: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.int64]:
    """The smallest node of the component of every node of an undirected graph on ``0 .. n - 1``.

    Roots are hooked to smaller roots along all edges at once and trees are flattened, until no edge joins two trees: a
    few rounds of array operations.

    Args:
        n: Number of nodes.
        start: One end of every edge.
        stop: The other end of every edge.

    Example:
        >>> connected_roots(5, np.array([4, 1]), np.array([1, 3])).tolist()
        [0, 1, 2, 1, 1]
    """
    parent = np.arange(n)
    while True:
        one, other = parent[start], parent[stop]
        apart = one != other
        if not apart.any():
            return parent
        start, stop, one, other = start[apart], stop[apart], one[apart], other[apart]
        np.minimum.at(parent, np.maximum(one, other), np.minimum(one, other))
        while True:
            shorter = parent[parent]
            if np.array_equal(shorter, parent):
                break
            parent = shorter
