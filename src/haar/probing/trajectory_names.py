"""Trajectories of rows, told by numbers or by names, such as subjects or files, as whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from haar.errors import ArgumentError


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


def trajectory_marks(ids: Any, rows: int) -> Tensor:
    """A whole number for every row, equal for rows of one trajectory, as it was given; checked.

    Args:
        ids: Whole numbers or names, one a row.
        rows: How many rows there are.

    Raises:
        ArgumentError: If they are neither, or of another number.

    Example:
        >>> trajectory_marks([3, 3, 1], 3)
        tensor([3, 3, 1])
    """
    try:
        marks = torch.as_tensor(trajectory_numbers(ids))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(
            "clusters",
            expected="a whole number for each row",
            got=type(ids).__name__,
            way_out="number the names: torch.unique(..., return_inverse=True), or a dict",
        ) from error
    if marks.is_floating_point() or marks.is_complex() or marks.dtype == torch.bool:
        kind = str(marks.dtype).removeprefix("torch.")
        raise ArgumentError("clusters", expected="whole numbers, one for each row", got=kind)
    if marks.ndim != 1:
        raise ArgumentError("clusters", expected=f"one number for each of {rows} rows", got=tuple(marks.shape))
    if len(marks) != rows:
        raise ArgumentError("clusters", expected=f"one number for each of {rows} rows", got=len(marks))
    return marks
