"""What an audit accepts as data: tensors, pairs, or batches of either; read once, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from haar.errors import ArgumentError, DataError


@dataclass(frozen=True)
class Batch:
    """One batch: inputs, labels if there are any, and the trajectory (or sample) number of every row."""

    inputs: tuple[Any, ...]
    labels: Any | None
    clusters: Tensor


def batches(
    data: Any, *, batch_size: int = 8, clusters: Tensor | None = None, max_samples: int | None = None
) -> Iterator[Batch]:
    """Read data as batches.

    Args:
        data: A tensor of inputs; a pair ``(inputs, labels)`` where inputs is a tensor or a tuple of tensors; or an
            iterable (a `DataLoader`) of such, each a batch.
        batch_size: Rows per batch, when data are tensors.
        clusters: For tensors: which trajectory each row belongs to (rows of one trajectory are not independent). In an
            iterable a third entry ``(inputs, labels, clusters)`` says the same.
        max_samples: Stop after so many rows.

    Raises:
        ArgumentError: If data are none of these.
        DataError: If a value is not finite.
    """
    seen = 0
    for inputs, labels, ids in _raw(data, batch_size, clusters):
        tensors = [leaf for leaf in pytree.tree_leaves((inputs, labels)) if isinstance(leaf, Tensor)]
        if not tensors:
            raise ArgumentError("data", expected="batches of tensors", got=type(inputs).__name__)
        _refuse_nan(tensors, seen)
        rows = next(leaf for leaf in pytree.tree_leaves(inputs) if isinstance(leaf, Tensor)).shape[0]
        marks = torch.arange(seen, seen + rows) if ids is None else torch.as_tensor(ids)
        if len(marks) != rows:
            raise ArgumentError("clusters", expected=f"one number for each of {rows} rows", got=len(marks))
        keep = rows if max_samples is None else min(rows, max_samples - seen)
        if keep <= 0:
            return
        if keep < rows:
            cut = pytree.tree_map(lambda x, k=keep: x[:k] if isinstance(x, Tensor) else x, (inputs, labels))
            yield Batch(cut[0], cut[1], marks[:keep])
        else:
            yield Batch(inputs, labels, marks)
        seen += keep
    if not seen:
        raise DataError("data: no samples")


def _raw(data: Any, batch_size: int, clusters: Tensor | None) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    if batch_size < 1:
        raise ArgumentError("batch_size", expected="at least 1", got=batch_size)
    if isinstance(data, Tensor):
        data = (data, None)
    if isinstance(data, tuple) and len(data) == 2 and (data[1] is None or not isinstance(data[0], int)):
        inputs = data[0] if isinstance(data[0], tuple) else (data[0],)
        first = next((leaf for leaf in pytree.tree_leaves(inputs) if isinstance(leaf, Tensor)), None)
        if first is not None:
            for start in range(0, len(first), batch_size):
                part = slice(start, start + batch_size)
                cut = pytree.tree_map(lambda x, p=part: x[p] if isinstance(x, Tensor) else x, (inputs, data[1]))
                yield cut[0], cut[1], None if clusters is None else torch.as_tensor(clusters)[part]
            return
    if clusters is not None:
        raise ArgumentError(
            "clusters", expected="none beside an iterable", got="some", way_out="yield (inputs, labels, clusters)"
        )
    if not isinstance(data, Iterable):
        raise ArgumentError(
            "data", expected="a tensor, a pair (inputs, labels), or an iterable of batches", got=type(data).__name__
        )
    for item in data:
        if isinstance(item, Tensor):
            yield (item,), None, None
        elif isinstance(item, (tuple, list)) and 2 <= len(item) <= 3:
            inputs = tuple(item[0]) if isinstance(item[0], (tuple, list)) else (item[0],)
            yield inputs, item[1], item[2] if len(item) == 3 else None
        else:
            raise ArgumentError(
                "data",
                expected="batches that are tensors, (inputs, labels) or (inputs, labels, clusters)",
                got=type(item).__name__,
            )


def _refuse_nan(tensors: list[Tensor], seen: int) -> None:
    for x in tensors:
        if x.is_floating_point() and not bool(torch.isfinite(x).all()):
            row = int(torch.nonzero(~torch.isfinite(x.reshape(len(x), -1)).all(1))[0]) if x.ndim else 0
            raise DataError(
                f"data: a value that is not finite (NaN or infinite) in sample {seen + row}; clean or drop it"
            )
