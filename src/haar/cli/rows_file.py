"""DATA in rows on the command line: inputs, with labels and trajectories where the file has them; and named groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from haar.actions import Action, Invariant, Points, Symmetry, Vector
from haar.actions.representation import Defining, Representation
from haar.cli.number_file import column_of, read_marked, read_numbers, read_table
from haar.data.array_file import CLUSTERS, INPUTS, LABELS, Arrays, array_named, arrays_of, holds_arrays
from haar.errors import ArgumentError, DataError
from haar.groups import Group
from haar.groups.names import named_group
from haar.probing.trajectory_names import trajectory_numbers


def read_rows(
    data: Path, *, most: int, labels: str | None = None, trajectories: str | None = None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Inputs, labels and trajectories.

    Args:
        data: ``.npz`` or HDF5 with ``x``, and ``y`` and ``clusters`` if there are any; or a table.
        most: Rows to take, spread evenly.
        labels: The array of labels by its name, or the columns of a table by headings or numbers from 0, divided by
            commas; by default ``y`` of arrays, and none of a table.
        trajectories: The array of trajectories by its name, or the column of a table: whole numbers or names, equal for
            rows that are not independent; by default ``clusters`` of arrays, and none of a table.

    Raises:
        DataError: If the file cannot be read, holds no inputs, or numbers of rows differ.
    """
    if not holds_arrays(data):
        inputs, answers, runs = _of_table(data, labels, trajectories)
    else:
        inputs, answers, runs = _of_arrays(data, labels, trajectories)
    rows = _spread(len(inputs), most)
    return inputs[rows], None if answers is None else answers[rows], None if runs is None else runs[rows]


def _of_arrays(data: Path, labels: str | None, trajectories: str | None) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The arrays of a file that are inputs, labels and trajectories."""
    held = arrays_of(data)
    x = array_named(data, held, INPUTS)
    y = _named(held, LABELS) if labels is None else array_named(data, held, (labels,))
    marks = _named(held, CLUSTERS) if trajectories is None else array_named(data, held, (trajectories,))
    marks = None if marks is None else trajectory_numbers(marks)
    inputs, *parts = [_numbers(f"{data}: {name}", part) for name, part in (("x", x), ("y", y), ("clusters", marks))]
    for name, part in zip(("y", "clusters"), parts, strict=True):
        if part is not None and len(part) != len(x):
            raise DataError(f"{data}: expected {len(x)} rows of {name}, as of x, got {len(part)}")
    if inputs is None or inputs.ndim < 2 or not inputs.is_floating_point():
        raise DataError(f"{data}: expected x as rows of real numbers, got {x.dtype} {x.shape}")
    return inputs, parts[0], parts[1]


def _numbers(what: str, array: np.ndarray | None) -> Tensor | None:
    """Rows of numbers, real or complex, in this machine's byte order.

    Raises:
        DataError: If it holds words, dates or the like, or is one number.
    """
    if array is None:
        return None
    if array.dtype.kind not in "fciub" or array.dtype.itemsize > (16 if array.dtype.kind == "c" else 8):
        raise DataError(f"{what}: expected numbers, got {array.dtype}")
    if not array.ndim:
        raise DataError(f"{what}: expected rows, got one number")
    return torch.from_numpy(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")))


def grid_of_rows(data: Path, group: str) -> tuple[int, ...]:
    """Points of every axis of rows of fields.

    Args:
        data: As `read_rows` has it.
        group: Name of the group that is to act on them.

    Raises:
        ArgumentError: If the group is to be found from boundaries.
        DataError: If the file cannot be read, or its rows are no fields.
    """
    _check_named(group)
    shape = tuple(read_rows(data, most=1)[0].shape)
    if len(shape) < 3:
        raise DataError(f"{data}: expected x (n, channel, *space), got {shape}")
    return shape[2:]


def _check_named(group: str) -> None:
    if group.lower() == "auto":
        raise ArgumentError("--group", expected="a name such as D4 (arrays say nothing of boundaries)", got="'auto'")


def _spread(count: int, most: int) -> Tensor:
    return torch.linspace(0, count - 1, min(most, count), dtype=torch.float64).round().long()


def _of_table(data: Path, labels: str | None, trajectories: str | None) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The columns of a table that are inputs, those that are labels, and the one that tells trajectories."""
    if labels is None and trajectories is None:
        table = read_numbers(data)
        if table.ndim < 2:
            raise DataError(f"{data}: expected rows of inputs, got shape {tuple(table.shape)}")
        return table, None, None
    marks = None
    if trajectories is None:
        table, headings = read_table(data)
    else:
        table, headings, marks = read_marked(data, trajectories)
    if table.ndim != 2:
        raise DataError(f"{data}: expected a table of columns beside --labels, got shape {tuple(table.shape)}")
    words = [] if labels is None else [word.strip() for word in labels.split(",")]
    places = [column_of(data, headings, table.shape[1], word, "--labels") for word in words]
    rest = [k for k in range(table.shape[1]) if k not in places]
    if not rest:
        option = "--trajectories" if labels is None else "--labels"
        raise ArgumentError(option, expected="columns beside which there are inputs", got=repr(labels or trajectories))
    return table[:, rest], table[:, places] if places else None, marks


def _named(held: Arrays, names: tuple[str, ...]) -> np.ndarray | None:
    return next((held[name] for name in names if name in held), None)


def symmetry_of_rows(
    group: str,
    shape: tuple[int, ...],
    out_shape: tuple[int, ...],
    *,
    fields: str | None = None,
    history: int | None = None,
) -> Symmetry:
    """How a named group acts on rows of a shape.

    Args:
        group: Its name.
        shape: Of one input: a vector ``(n,)``, points ``(k, d)``, or with `fields` ``(channels, *space)``.
        out_shape: Of one output.
        fields: The fields in words.
        history: Past states in one input of `fields`; 1 by default.

    Raises:
        ArgumentError: If the group acts on no such rows.

    Example:
        >>> symmetry_of_rows("SO3", (5, 3), (3,))
        <Symmetry SO(3): Points -> Vector>
    """
    if fields is not None or len(shape) > 2:
        return _of_fields(group, shape, fields, history)
    made = named_group(group, argument="--group")
    rep = Defining(made)
    if rep.dim not in (shape[-1], shape[0]):
        raise ArgumentError(
            "--group",
            expected=f"a group that acts on {shape[-1]} coordinates" + (f" or {shape[0]} points" * (len(shape) == 2)),
            got=f"{made.name}, which acts on {rep.dim}",
        )
    if len(shape) == 2 and rep.dim != shape[-1]:
        inputs: Action = Points(relabelling=rep)
        return Symmetry(made, inputs, _outputs(made, rep, out_shape, axis=-len(out_shape)))
    inputs = Vector(rep) if len(shape) == 1 else Points(rotation=rep)
    return Symmetry(made, inputs, _outputs(made, rep, out_shape, axis=-1))


def _outputs(group: Group, rep: Representation, out_shape: tuple[int, ...], *, axis: int) -> Action:
    moves = bool(out_shape) and out_shape[axis] == rep.dim
    return Vector(rep, axis=axis) if moves else Invariant(group)


def _of_fields(group: str, shape: tuple[int, ...], fields: str | None, history: int | None) -> Symmetry:
    if fields is None:
        raise ArgumentError("--fields", expected="the fields of x, such as 'p, u:vector'", got="none")
    space = shape[1:]
    _check_named(group)
    chosen = named_group(group, space=space, periodic=[True] * len(space), argument="--group")
    return Symmetry.of_fields(chosen, fields, dim=len(space), history=history or 1)
