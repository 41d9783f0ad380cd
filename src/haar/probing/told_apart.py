"""A list of two or three: inputs and labels, or batches? One answer for all verbs."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from haar.errors import ArgumentError

_Array = (Tensor, np.ndarray)


def told_apart(data: Any, *, argument: str = "data") -> Any:
    """A tuple for a list that is inputs and labels (and clusters), as a `DataLoader` yields them; else what came.

    A list of two tensors is a pair where single samples differ in shape or kind of number, and two batches where these
    are alike and the numbers of rows are not. A list of inputs in a container and a tensor of labels is a pair. With
    one whole number a row as the third of three it is a pair with clusters.

    Args:
        data: What a caller gives as data.
        argument: What the caller calls it.

    Raises:
        ArgumentError: If two tensors of one shape may be either.

    Example:
        >>> import torch
        >>> x = torch.zeros(5, 3)
        >>> type(told_apart([x, x[:, 0]])).__name__, type(told_apart([x, x[:2]])).__name__
        ('tuple', 'list')
    """
    if type(data) is not list or not 2 <= len(data) <= 3:
        return data
    first, second = data[0], data[1]
    if len(data) == 3:
        return tuple(data) if _counts_rows(data[2], first) else data
    if isinstance(second, _Array) and isinstance(first, (tuple, list, dict)):
        return tuple(data)
    if isinstance(first, _Array) and second is None:
        return tuple(data)
    if not (isinstance(first, _Array) and isinstance(second, _Array)):
        return data
    if _sample(first) != _sample(second) or _kind(first) != _kind(second):
        return tuple(data)
    if first.shape != second.shape:
        return data
    shape = tuple(first.shape)
    raise ArgumentError(
        argument,
        expected="a tuple (inputs, labels), or an iterator over batches",
        got=f"a list of two of shape {shape}, which may be either",
        way_out="tuple(data) if they are inputs and labels, iter(data) if they are two batches",
    )


def _counts_rows(marks: Any, first: Any) -> bool:
    """Whether the last of three says which trajectory each row belongs to."""
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
