"""Colours of pairs of nodes: numbers that lie together are one colour, and gaps between them tell colours apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from haar.discover.finite.designs import Values
from haar.discover.finite.exchange import Exchange

Labels = NDArray[np.int64]


def colours(values: Values, exchange: Exchange, *, gap: float, rounding: float) -> Labels:
    """A whole number for every ordered pair of nodes, which every automorphism keeps.

    Args:
        values: Numbers of every pair, ``(nodes, nodes, numbers)``.
        exchange: Which nodes are alike, and which are one entry with both signs.
        gap: Neighbours in the sorted list further apart than this share of the range are of two colours.
        rounding: What rounding may do to a number, as a share of the largest one.
    """
    n = len(values)
    numbers = [_clustered(values[..., k], gap, rounding) for k in range(values.shape[-1])]
    relation = np.zeros((n, n), dtype=np.int64)
    np.fill_diagonal(relation, 1)
    if exchange.signed:
        here = np.arange(n)
        relation[here, here ^ 1] = 2
    kinds = exchange.kinds[:, None] * (exchange.kinds.max() + 1) + exchange.kinds[None, :]
    told = np.stack([relation, kinds, *numbers], axis=-1)
    both = np.concatenate([told, told.transpose(1, 0, 2)], axis=-1)
    return np.unique(both.reshape(n * n, -1), axis=0, return_inverse=True)[1].reshape(n, n)


def _clustered(numbers: Values, gap: float, rounding: float) -> Labels:
    flat = numbers.reshape(-1)
    order = np.argsort(flat, kind="stable")
    steps = np.diff(flat[order])
    least = max(gap * float(flat[order[-1]] - flat[order[0]]), rounding * float(np.abs(flat).max()))
    label = np.empty(len(flat), dtype=np.int64)
    label[order] = np.concatenate([[0], np.cumsum(steps > least)])
    return label.reshape(numbers.shape)
