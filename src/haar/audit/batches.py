"""What an audit accepts as data: tensors, pairs, or batches of either; read once, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from haar.actions import Symmetry
from haar.average.joining import is_shared
from haar.errors import ArgumentError, DataError

_WAYS_OUT = {"ndarray": "torch.from_numpy makes tensors of arrays", "dict": "yield ((d['x'], d['t']), d['y'])"}


@dataclass(frozen=True)
class Batch:
    """One batch: inputs, labels if there are any, and the trajectory (or sample) number of every row."""

    inputs: tuple[Any, ...]
    labels: Any | None
    clusters: Tensor


def batches(
    data: Any,
    *,
    batch_size: int = 8,
    clusters: Tensor | None = None,
    max_samples: int | None = None,
    symmetry: Symmetry | None = None,
) -> Iterator[Batch]:
    """Read data as batches.

    Args:
        data: A tensor of inputs; a pair ``(inputs, labels)`` where inputs is a tensor or a tuple of tensors; or an
            iterable (a `DataLoader`) of such, each a batch.
        batch_size: Rows per batch, when data are tensors.
        clusters: For tensors: which trajectory each row belongs to (rows of one trajectory are not independent). In an
            iterable a third entry ``(inputs, labels, clusters)`` says the same.
        max_samples: Stop after so many rows.
        symmetry: Says which inputs all rows share (``Invariant(group, batched=False)``): those are not cut. Tensors
            without axes are not cut either.

    Raises:
        ArgumentError: If data are none of these, or an option is out of range.
        DataError: If a value is not finite.
    """
    if max_samples is not None and max_samples < 1:
        raise ArgumentError("max_samples", expected="at least 1, or None for all", got=max_samples)
    seen = 0
    for inputs, labels, ids in _raw(data, batch_size, clusters, symmetry):
        tensors = [leaf for leaf in pytree.tree_leaves((inputs, labels)) if isinstance(leaf, Tensor)]
        if not tensors:
            raise ArgumentError("data", expected="batches of tensors", got=type(inputs).__name__)
        _refuse_nan(tensors, seen)
        shared = _shared(symmetry, inputs)
        rows = _rows(inputs, shared)
        if rows is None:
            raise ArgumentError("data", expected="an input with an axis of samples", got="none", way_out="add the axis")
        marks = torch.arange(seen, seen + rows) if ids is None else torch.as_tensor(ids)
        if len(marks) != rows:
            raise ArgumentError("clusters", expected=f"one number for each of {rows} rows", got=len(marks))
        keep = rows if max_samples is None else min(rows, max_samples - seen)
        if keep <= 0:
            return
        if keep < rows:
            yield Batch(*_cut((inputs, labels), slice(keep), shared), marks[:keep])
        else:
            yield Batch(inputs, labels, marks)
        seen += keep
    if not seen:
        raise DataError("data: no samples")


def _raw(
    data: Any, batch_size: int, clusters: Tensor | None, symmetry: Symmetry | None
) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    if batch_size < 1:
        raise ArgumentError("batch_size", expected="at least 1", got=batch_size)
    if isinstance(data, Tensor):
        data = (data, None)
    if isinstance(data, tuple) and len(data) == 2 and (data[1] is None or not isinstance(data[0], int)):
        inputs = data[0] if isinstance(data[0], tuple) else (data[0],)
        shared = _shared(symmetry, inputs)
        rows = _rows(inputs, shared)
        if rows is not None:
            for start in range(0, rows, batch_size):
                part = slice(start, start + batch_size)
                yield (
                    *_cut((inputs, data[1]), part, shared),
                    None if clusters is None else torch.as_tensor(clusters)[part],
                )
            return
    if clusters is not None:
        raise ArgumentError(
            "clusters", expected="none beside an iterable", got="some", way_out="yield (inputs, labels, clusters)"
        )
    if not isinstance(data, Iterable):
        raise ArgumentError(
            "data",
            expected="a tensor, a pair (inputs, labels), or an iterable of batches",
            got=type(data).__name__,
            way_out="torch.utils.data.DataLoader(data, batch_size=8)" if hasattr(data, "__getitem__") else "",
        )
    for item in data:
        if isinstance(item, Tensor):
            yield (item,), None, None
        elif isinstance(item, (tuple, list)) and 1 <= len(item) <= 3:  # one: a DataLoader of inputs alone
            inputs = tuple(item[0]) if isinstance(item[0], (tuple, list)) else (item[0],)
            yield inputs, item[1] if len(item) > 1 else None, item[2] if len(item) == 3 else None
        else:
            raise ArgumentError(
                "data",
                expected="batches that are tensors, (inputs,), (inputs, labels) or (inputs, labels, clusters)",
                got=type(item).__name__,
                way_out=_WAYS_OUT.get(type(item).__name__, ""),
            )


def _shared(symmetry: Symmetry | None, inputs: tuple[Any, ...]) -> set[int]:
    """Which tensors, by identity, all rows use as they are."""
    shared: set[int] = set()
    if symmetry is not None:
        symmetry.map_inputs(lambda action, x: shared.add(id(x)) if is_shared(action, x) else None, inputs)
    return shared


def _rows(inputs: tuple[Any, ...], shared: set[int]) -> int | None:
    leaves = (x for x in pytree.tree_leaves(inputs) if isinstance(x, Tensor) and x.ndim and id(x) not in shared)
    return next((len(x) for x in leaves), None)


def _cut(trees: tuple[Any, Any], part: slice, shared: set[int]) -> tuple[Any, Any]:
    """Some rows of inputs and labels."""
    cut: tuple[Any, Any] = pytree.tree_map(
        lambda x: x[part] if isinstance(x, Tensor) and x.ndim and id(x) not in shared else x, trees
    )
    return cut


def _refuse_nan(tensors: list[Tensor], seen: int) -> None:
    for x in tensors:
        if x.is_floating_point() and not bool(torch.isfinite(x).all()):
            row = int(torch.nonzero(~torch.isfinite(x.reshape(len(x), -1)).all(1))[0]) if x.ndim else 0
            raise DataError(
                f"data: a value that is not finite (NaN or infinite) in sample {seen + row}; clean or drop it"
            )
