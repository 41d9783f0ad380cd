"""Connected components against scipy."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from haar.groups.connected import connected_roots


@given(st.integers(1, 40), st.integers(0, 60), st.integers(0, 2**20))
def test_agrees_with_scipy(n: int, edges: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    start, stop = draw.integers(0, n, (2, edges))
    roots = connected_roots(n, start, stop)
    label = connected_components(coo_array((np.ones(edges), (start, stop)), shape=(n, n)), directed=False)[1]
    assert ((roots[:, None] == roots[None]) == (label[:, None] == label[None])).all()
    assert all(roots[k] == np.flatnonzero(label == label[k])[0] for k in range(n))


def test_long_paths_and_stars() -> None:
    n = 5000
    path = np.random.default_rng(0).permutation(n)
    assert not connected_roots(n, path[:-1], path[1:]).any()
    assert not connected_roots(n, np.full(n - 1, n - 1), np.arange(n - 1)).any()
