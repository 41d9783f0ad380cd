"""A list of two or three: inputs and labels, or batches? Shapes say which, where they can."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from torch import Tensor

from haar.probing.trajectory_names import trajectory_numbers

#: Names of the trajectories in a dictionary.
CLUSTERS = ("clusters", "cluster")
#: What stands where in a tuple.
_PLACES = ("inputs", "labels", "clusters")

_Array = (Tensor, np.ndarray)


def told_apart(data: Any, *, alike: Literal["batches", "pair"]) -> Any:
    """A tuple for a list that is inputs and labels (and clusters), as a `DataLoader` yields them; else what came.

    A list of two tensors is a pair where single samples differ in shape or kind of number, and two batches where these
    are alike and the numbers of rows are not. A list of inputs in a container and a tensor of labels is a pair. With
    one whole number a row as the third of three it is a pair with clusters. Tables and columns of pandas or polars
    become arrays first, and a column of the names of trajectories numbers.

    Args:
        data: What a caller gives as data.
        alike: What two tensors of one shape are, which may be either: batches where a verb reads an iterable of them,
            a pair where it takes all samples at once.

    Example:
        >>> import torch
        >>> x = torch.zeros(5, 3)
        >>> [type(told_apart([x, y], alike="batches")).__name__ for y in (x[:, 0], x[:2], x)]
        ['tuple', 'list', 'list']
    """
    data = _with_arrays(data)
    if type(data) is not list or not 2 <= len(data) <= 3:
        return data
    first, second = data[0], data[1]
    if len(data) == 3:
        return tuple(data) if counts_rows(data[2], first) else data
    if isinstance(second, _Array) and isinstance(first, (tuple, list, dict)):
        return tuple(data)
    if isinstance(first, _Array) and second is None:
        return tuple(data)
    if not (isinstance(first, _Array) and isinstance(second, _Array)):
        return data
    if _sample(first) != _sample(second) or _kind(first) != _kind(second):
        return tuple(data)
    return data if alike == "batches" or first.shape != second.shape else tuple(data)


def _with_arrays(data: Any) -> Any:
    """Arrays in place of data frames and columns, here and among the parts of a pair or a dictionary."""
    if _is_table(data):
        return data.to_numpy()
    if type(data) in (tuple, list) and any(map(_is_table, data)):
        return type(data)(_array(x, marks=place == len(_PLACES) - 1) for place, x in enumerate(data))
    if type(data) is dict and any(map(_is_table, data.values())):
        return {key: _array(x, marks=key in CLUSTERS) for key, x in data.items()}
    return data


def _array(x: Any, *, marks: bool) -> Any:
    """An array for a table or a column; of the names of trajectories, numbers."""
    if not _is_table(x):
        return x
    return trajectory_numbers(x) if marks else x.to_numpy()


def _is_table(x: Any) -> bool:
    """Whether it is a table or a column; no library is imported for the question."""
    return type(x).__module__.partition(".")[0] in ("pandas", "polars") and hasattr(x, "to_numpy")


def counts_rows(marks: Any, first: Any) -> bool:
    """Whether the last of three says which trajectory each row belongs to.

    Args:
        marks: The last.
        first: The first.
    """
    whole = isinstance(marks, _Array) and marks.ndim == 1 and _kind(marks) == "i"
    return whole and not (isinstance(first, _Array) and (first.ndim < 2 or len(first) != len(marks)))


def _sample(x: Tensor | np.ndarray) -> tuple[int, ...]:
    return tuple(x.shape[1:])


def _kind(x: Tensor | np.ndarray) -> str:
    """Real, complex, whole, or true and false."""
    if isinstance(x, np.ndarray):
        return "i" if x.dtype.kind in "iu" else str(x.dtype.kind)
    if x.is_floating_point():
        return "f"
    return "c" if x.is_complex() else "b" if str(x.dtype) == "torch.bool" else "i"
