"""What an audit accepts as data: tensors, pairs, or batches of either; read once, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any

import torch
from torch import Tensor

from haar.actions import Action, Invariant, Symmetry
from haar.average.joining import is_shared
from haar.containers import mapped, tensors_of
from haar.errors import ArgumentError, DataError, ShapeError, check_count
from haar.probing.trajectory_names import trajectory_marks
from haar.processes import Section

_READ = "read files first: haar.data.Windows(path), ase.io.read(path, ':'), numpy.load(path)"
_WAYS_OUT = {
    "str": _READ,
    "ndarray": "torch.from_numpy makes tensors of arrays",
    "dict": "yield ((d['x'], d['t']), d['y'])",
}
_STILL = "the group moves no input: say which it does, such as pos:vector, or Symmetry.of_graph for orders of nodes"
_SHARED = "declare a tensor that all samples share as Invariant(group, batched=False)"


@dataclass(frozen=True)
class Batch:
    """One batch.

    Attributes:
        inputs: The model's inputs.
        labels: Targets, if there are any.
        clusters: The trajectory of every sample, or its number.
        numbered: Whether `clusters` only counts samples: then each is independent of all others, wherever read.
        single: Whether the inputs have no axis of samples: together they are one sample.
    """

    inputs: tuple[Any, ...]
    labels: Any | None
    clusters: Tensor
    numbered: bool = False
    single: bool = False

    @cached_property
    def units(self) -> list[int | None]:
        """The number of every sample's independent unit, the same wherever one trajectory is read; None for its own."""
        if self.numbered:
            return [None] * len(self.clusters)
        return [int(mark) for mark in self.clusters.tolist()]


@dataclass(frozen=True)
class _Rows:
    """How the samples of some inputs are counted: how many, whether it is one without an axis, what is cut."""

    count: int
    single: bool
    cut: frozenset[int]


def batches(
    data: Any,
    *,
    batch_size: int = 8,
    clusters: Any | None = None,
    max_samples: int | None = None,
    symmetry: Symmetry | None = None,
    part: Section | None = None,
) -> Iterator[Batch]:
    """Read data as batches.

    Inputs without an axis of samples before those that the symmetry acts on (one graph, one cloud, one field) are one
    sample, and are not cut.

    Args:
        data: A tensor of inputs; a pair ``(inputs, labels)`` where inputs is a tensor or a tuple of tensors, or
            ``(inputs, labels, clusters)``; or an iterable (a `DataLoader`) of such, each a batch.
        batch_size: Rows per batch, when data are tensors.
        clusters: For tensors: which trajectory each row belongs to, whole numbers (rows of one trajectory are not
            independent). In an iterable a third entry ``(inputs, labels, clusters)`` says the same.
        max_samples: Stop after so many rows.
        symmetry: Says which axes count samples, and which inputs all rows share (``Invariant(group, batched=False)``):
            those are not cut. Tensors without axes, or of one row, are not cut either.
        part: Read these batches alone; of an iterable, those of `haar.processes.section`.

    Raises:
        ArgumentError: If data are none of these, clusters are no whole numbers, or an option is out of range.
        ShapeError: If inputs, labels and clusters have not the same number of rows.
        DataError: If a value is not finite.
    """
    _check_sizes(batch_size, max_samples)
    first = 0 if part is None else part.first * batch_size
    seen = first
    for inputs, labels, ids in _raw(data, batch_size, clusters, symmetry, part):
        tensors = tensors_of((inputs, labels))
        if not tensors:
            raise ArgumentError("data", expected="batches of tensors", got=type(inputs).__name__)
        _refuse_nan(tensors, seen)
        rows = _rows(symmetry, inputs)
        numbered = ids is None
        marks = torch.arange(seen, seen + rows.count) if ids is None else trajectory_marks(ids, rows.count)
        if not rows.count:
            continue
        keep = rows.count if max_samples is None else min(rows.count, max_samples - seen)
        if keep <= 0:
            return
        if keep < rows.count:
            cut = (_cut(inputs, slice(keep), rows.cut), _cut_labels(symmetry, labels, slice(keep), rows))
            yield Batch(*cut, marks[:keep], numbered, rows.single)
        else:
            yield Batch(inputs, labels, marks, numbered, rows.single)
        seen += keep
    if not seen and part is None:
        raise DataError("data: no samples")


def count_batches(
    data: Any, *, batch_size: int = 8, max_samples: int | None = None, symmetry: Symmetry | None = None
) -> int | None:
    """How many batches will be read, as far as that is known beforehand.

    Args:
        data: As in `batches`.
        batch_size: Samples in a batch, as in `batches`.
        max_samples: Samples to read at most, as in `batches`.
        symmetry: How the samples of an input are counted, as in `batches`.

    Raises:
        ArgumentError: If an option is out of range.

    Example:
        >>> count_batches(torch.zeros(20, 3)), count_batches(iter([torch.zeros(2, 3)]))
        (3, None)
    """
    _check_sizes(batch_size, max_samples)
    pair = _pair(data)
    if pair is None:
        try:
            return len(data)  # as a DataLoader counts
        except (TypeError, NotImplementedError):
            return None
    rows = _rows(symmetry, pair[0]).count
    return -(-(rows if max_samples is None else min(rows, max_samples)) // batch_size)


def rows_of(batch: Batch, some: slice, symmetry: Symmetry) -> Batch | None:
    """Some rows of a batch, with the numbers that they had; None where there are none.

    Args:
        batch: The batch; a single sample is in the first row, and whole.
        some: Which rows.
        symmetry: As in `batches`.
    """
    count = len(batch.clusters)
    if some.indices(count) == (0, count, 1):
        return batch
    marks = batch.clusters[some]
    if not len(marks):
        return None
    rows = _rows(symmetry, batch.inputs)
    cut = (_cut(batch.inputs, some, rows.cut), _cut_labels(symmetry, batch.labels, some, rows))
    return Batch(*cut, marks, batch.numbered, batch.single)


def _check_sizes(batch_size: int, max_samples: int | None) -> None:
    if max_samples is not None and max_samples < 1:
        raise ArgumentError("max_samples", expected="at least 1, or None for all", got=max_samples)
    check_count("batch_size", batch_size)


def _pair(data: Any) -> tuple[tuple[Any, ...], Any] | None:
    """Inputs and labels, where data are tensors of all rows."""
    if isinstance(data, Tensor):
        data = (data, None)
    if isinstance(data, tuple) and (len(data) == 2 or _has_marks(data)):
        inputs = data[0] if isinstance(data[0], tuple) else (data[0],)
        if tensors_of(inputs):
            return inputs, data[1]
    return None


def _has_marks(data: tuple[Any, ...]) -> bool:
    """Whether the last of three says which trajectory each row belongs to: three batches of inputs do not."""
    marks = data[2] if len(data) == 3 else None
    if isinstance(marks, Tensor):
        whole = not (marks.is_floating_point() or marks.is_complex() or marks.dtype == torch.bool)
        return marks.ndim == 1 and (whole or (isinstance(data[0], Tensor) and data[0].ndim > 1))
    return isinstance(marks, (list, tuple)) and len(marks) > 0 and all(type(mark) in (int, str) for mark in marks)


def _raw(
    data: Any, batch_size: int, clusters: Any | None, symmetry: Symmetry | None, part: Section | None
) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    pair = _pair(data)
    if pair is not None:
        if len(data) == 3 and isinstance(data, tuple):
            if clusters is not None:
                raise ArgumentError("clusters", expected="none beside (inputs, labels, clusters)", got="some")
            clusters = data[2]
        yield from _of_tensors(pair, batch_size, clusters, symmetry, part)
        return
    if clusters is not None:
        raise ArgumentError(
            "clusters", expected="none beside an iterable", got="some", way_out="yield (inputs, labels, clusters)"
        )
    if not isinstance(data, Iterable):
        read = _READ if isinstance(data, PathLike) else ""
        raise ArgumentError(
            "data",
            expected="a tensor, (inputs, labels), (inputs, labels, clusters), or an iterable of batches",
            got=type(data).__name__,
            way_out="torch.utils.data.DataLoader(data, batch_size=8)" if hasattr(data, "__getitem__") else read,
        )
    yield from map(_of_item, data)


def _of_tensors(
    pair: tuple[tuple[Any, ...], Any],
    batch_size: int,
    clusters: Any | None,
    symmetry: Symmetry | None,
    part: Section | None,
) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    inputs, labels = pair
    rows = _rows(symmetry, inputs)
    marks = None if clusters is None else trajectory_marks(clusters, rows.count)
    _cut_labels(symmetry, labels, slice(0), rows)
    starts = range(0, rows.count, batch_size)
    for start in starts if part is None else starts[part.first : part.last]:
        some = slice(start, start + batch_size)
        cut = _cut_labels(symmetry, labels, some, rows)
        yield _cut(inputs, some, rows.cut), cut, None if marks is None else marks[some]


def _of_item(item: Any) -> tuple[tuple[Any, ...], Any, Any]:
    """Inputs, labels and clusters of one batch of an iterable."""
    if isinstance(item, Tensor):
        return (item,), None, None
    if not isinstance(item, (tuple, list)) or not 1 <= len(item) <= 3:  # one: a DataLoader of inputs alone
        raise ArgumentError(
            "data",
            expected="batches that are tensors, (inputs,), (inputs, labels) or (inputs, labels, clusters)",
            got=type(item).__name__,
            way_out=_WAYS_OUT.get(type(item).__name__, ""),
        )
    first, labels, clusters = (*item, None, None)[:3]
    return tuple(first) if isinstance(first, (tuple, list)) else (first,), labels, clusters


def has_sample_axis(action: Action, x: Tensor) -> bool:
    """Whether a tensor has an axis before those of one sample."""
    own = action.axes.count
    return x.ndim > (0 if own is None else own)


def _counted(symmetry: Symmetry | None, inputs: tuple[Any, ...]) -> list[tuple[Action | None, Tensor]]:
    """The inputs that count samples, and how they are acted on where that is known."""
    if symmetry is None:
        return [(None, x) for x in tensors_of(inputs) if x.ndim]
    leaves: list[tuple[Action | None, Tensor]] = []
    symmetry.map_inputs(lambda a, x: None if is_shared(a, x) else leaves.append((a, x)), inputs)
    return leaves


def _rows(symmetry: Symmetry | None, inputs: tuple[Any, ...]) -> _Rows:
    """Count the samples.

    Raises:
        ArgumentError: If no input counts samples.
        ShapeError: If two inputs differ.
    """
    leaves = _counted(symmetry, inputs)
    if not leaves:
        raise ArgumentError("data", expected="an input with an axis of samples", got="none", way_out="add the axis")
    if any(action is not None and not has_sample_axis(action, x) for action, x in leaves):
        return _Rows(1, single=True, cut=frozenset())
    count = next((len(x) for _, x in leaves if len(x) != 1), 1)
    for number, (_, x) in enumerate(leaves):
        if len(x) not in (1, count):
            raise ShapeError(
                f"data, input {number}",
                expected=f"{count} samples on axis 0, like the inputs before it",
                got=len(x),
                way_out=_STILL if all(isinstance(action, Invariant) for action, _ in leaves) else _SHARED,
            )
    return _Rows(count, single=False, cut=frozenset(id(x) for _, x in leaves if len(x) == count))


def _cut(tree: Any, part: slice, cut: frozenset[int]) -> Any:
    """Some rows of what counts samples."""
    return mapped(lambda x: x[part] if id(x) in cut else x, tree)


def _cut_labels(symmetry: Symmetry | None, labels: Any, part: slice, rows: _Rows) -> Any:
    """Some rows of labels.

    Raises:
        ShapeError: If they have not as many rows as the inputs.
    """
    if labels is None or rows.single:
        return labels
    shared: set[int] = set()
    if symmetry is not None:
        try:
            symmetry.map_outputs(lambda a, x: shared.add(id(x)) if is_shared(a, x) else None, labels)
        except ShapeError as error:
            raise ShapeError("labels", expected=error.expected, got=error.got, way_out=error.way_out) from error

    def some(x: Tensor) -> Tensor:
        if id(x) in shared or not x.ndim:
            return x
        if len(x) != rows.count:
            expected = f"{rows.count} rows, like the inputs"
            raise ShapeError("labels", expected=expected, got=len(x), way_out=_SHARED)
        return x[part]

    return mapped(some, labels)


def _refuse_nan(tensors: list[Tensor], seen: int) -> None:
    for x in tensors:
        if (x.is_floating_point() or x.is_complex()) and not bool(torch.isfinite(x).all()):
            row = int(torch.nonzero(~torch.isfinite(x.reshape(len(x), -1)).all(1))[0]) if x.ndim else 0
            raise DataError(
                f"data: a value that is not finite (NaN or infinite) in sample {seen + row}; clean or drop it"
            )
