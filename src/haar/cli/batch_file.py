"""DATA of a model that is compressed: batches of a function, or rows of a file with the labels beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, DataError

#: Rows of a batch that is read from a file.
_ROWS = 64
#: More rows than a file has.
_ALL = 1 << 40


def batches_of_data(
    given: str, module: nn.Module, *, argument: str, labels: str | None = None, trajectories: str | None = None
) -> tuple[Any, Tensor | None]:
    """Batches for a model, and the trajectory of every row where the file or the caller says it.

    Args:
        given: ``module:function`` that returns them, a ``.safetensors`` file with inputs and targets, arrays in
            ``.npz`` or HDF5, or a table.
        module: The model: real inputs take its precision, and a column of labels stands for classes where it answers
            with several numbers.
        argument: What messages call it.
        labels: Columns of a table, or an array by its name, see `haar.cli.rows_file.read_rows`.
        trajectories: Column of a table, or an array by its name, likewise.

    Raises:
        ArgumentError: If a function does not return batches, or `labels` or `trajectories` are named of one.
        DataError: If a file cannot be read, or holds no inputs.
    """
    from haar.cli.rows_file import read_rows
    from haar.entry import called
    from haar.probing.arrays import own_precision

    if not has_columns(given):
        for option, named in (("--labels", labels), ("--trajectories", trajectories)):
            if named is not None:
                got = f"{named!r} beside {given}"
                raise ArgumentError(option, expected="columns of a table, or an array of .npz or .h5", got=got)
        if given.endswith(".safetensors"):
            return _of_tensors(Path(given)), None
        forms = "module:function, or a file of rows (.npz, .h5, .csv, .safetensors)"
        return called(given, {}, argument, forms=forms), None
    inputs, targets, marks = read_rows(Path(given), most=_ALL, labels=labels, trajectories=trajectories)
    own = own_precision(module) or inputs.dtype
    parts = inputs.to(own).split(_ROWS)
    answer = _answer(module, parts[0][:1], argument)
    if targets is None:
        return list(parts), marks
    return list(zip(parts, _fitting(answer, targets, own).split(_ROWS), strict=True)), marks


def has_columns(given: str) -> bool:
    """Whether data are a file whose labels can be named: arrays or a table, with data sets behind a colon or without.

    Args:
        given: As for `batches_of_data`.

    Example:
        >>> has_columns("flow.npz"), has_columns("mine:batches"), has_columns("flow.safetensors")
        (True, False, False)
    """
    before, colon, _ = given.rpartition(":")
    return not given.endswith(".safetensors") and (not colon or Path(given).is_file() or Path(before).is_file())


def _of_tensors(path: Path) -> list[Any]:
    from haar.received import read_tensors

    if not path.exists():
        raise DataError(f"{path}: no such file")
    tensors = read_tensors(path)[0]
    if "inputs" not in tensors:
        raise DataError(f"{path}: expected a tensor 'inputs', got {', '.join(tensors) or 'none'}")
    inputs, targets = tensors["inputs"], tensors.get("targets")
    if targets is not None and len(targets) != len(inputs):
        raise DataError(f"{path}: expected as many targets as inputs, got {len(targets)} and {len(inputs)}")
    parts = inputs.split(_ROWS)
    return list(parts) if targets is None else list(zip(parts, targets.split(_ROWS), strict=True))


def _answer(module: nn.Module, row: Tensor, argument: str) -> Tensor:
    """What the model answers to a row."""
    from haar.compress.batch import batch_of
    from haar.probing import undisturbed

    try:
        with torch.no_grad(), undisturbed(module):
            return batch_of(row).run(module)
    except ArgumentError as error:
        raise ArgumentError(
            argument,
            expected=f"rows that {type(module).__name__} takes",
            got=error.got,
            way_out="labels stand beside inputs as x and y in .npz or .h5, or in columns that --labels names",
        ) from error


def _fitting(answer: Tensor, targets: Tensor, own: torch.dtype) -> Tensor:
    """Labels as the model answers: one column of whole numbers are classes where it answers with several numbers."""
    if targets.is_floating_point() and targets[:1].shape != answer.shape and targets[0].numel() == 1:
        if answer.numel() == 1:
            targets = targets.reshape(len(targets), *answer.shape[1:])
        elif bool((targets == targets.round()).all()):
            return targets.reshape(len(targets)).long()
    return targets.to(own) if targets.is_floating_point() else targets
