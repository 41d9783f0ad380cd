"""Trajectories that are told by names, such as subjects or files, as whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np


def trajectory_numbers(marks: Any) -> Any:
    """Whole numbers in place of names, equal where these are, in their order; what holds no names is left as it is.

    Args:
        marks: One name a row, as a list, an array, or a column of pandas or polars. All rows at once: the numbers of
            other rows would be others.

    Example:
        >>> trajectory_numbers(["b", "a", "b"]).tolist()
        [1, 0, 1]
        >>> trajectory_numbers([3, 1])
        [3, 1]
    """
    is_column = not isinstance(marks, np.ndarray) and hasattr(marks, "to_numpy")
    held = marks.to_numpy() if is_column else marks
    if isinstance(held, (list, tuple)) and len(held) > 0 and all(isinstance(mark, str) for mark in held):
        held = np.array(held)
    if not isinstance(held, np.ndarray) or held.dtype.kind not in "OTUS" or held.ndim != 1:
        return held
    if held.dtype.kind in "OT":
        if not all(isinstance(mark, str) for mark in held):
            return held
        held = held.astype(str)
    return np.unique(held, return_inverse=True)[1].astype(np.int64)
