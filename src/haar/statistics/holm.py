"""Holm's correction for many tests."""

from __future__ import annotations

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction: adjusted p-values in the given order.

    Args:
        p_values: One of every test; NaN, of a test that could not be made, counts as 1.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]

    Source: Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    known = [1.0 if math.isnan(p) else p for p in p_values]
    order = sorted(range(len(known)), key=known.__getitem__)
    adjusted, highest = [0.0] * len(known), 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, (len(known) - rank) * known[k]))
        adjusted[k] = highest
    return adjusted
