"""DATA of labelled fields on the command line: windows of The Well's format, or two arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from haar.actions import Layout, Symmetry
from haar.cli.surrogate_input import window_data
from haar.cli.well_data import open_well, well_symmetry
from haar.data.array_file import INPUTS, LABELS, array_named, arrays_of, holds_arrays
from haar.data.well.spread_windows import SpreadWindows
from haar.errors import ArgumentError, DataError
from haar.groups.names import named_group


def labelled_fields(
    data: Path,
    group: str,
    *,
    fields: str | None = None,
    outputs: str | None = None,
    centring: str = "cell",
    history: int | None = None,
    split: str | None = None,
    samples: int = 64,
) -> tuple[Symmetry, Any]:
    """The stated symmetry, and inputs with labels.

    Args:
        data: A folder or file in The Well's format; or ``.npz`` or HDF5 with ``x`` and ``y``, ``(n, channel,
            *space)``, and ``clusters`` ``(n,)`` if rows belong to trajectories.
        group: Name of the group.
        fields: Names and kinds of the fields, needed for ``.npz``.
        outputs: Those of y.
        centring: As stated, for ``.npz``.
        history: Time steps of the input.
        split: Of a Well folder.
        samples: Windows to take.

    Raises:
        ArgumentError: If something is missing or does not fit.
        DataError: If the file cannot be read.
    """
    if holds_arrays(data):
        return _of_arrays(data, group, fields=fields, outputs=outputs, centring=centring, history=history)
    if outputs is not None:
        raise ArgumentError("--outputs", expected="none beside The Well's files", got=repr(outputs))
    reader, names = open_well(data, split=split, fields=fields)
    windows = window_data(reader, names, history or 1, None)
    symmetry = well_symmetry(reader.metadata, group, windows.inputs)
    return symmetry, SpreadWindows(windows, samples=samples, batch_size=8)


def _of_arrays(
    data: Path, group: str, *, fields: str | None, outputs: str | None, centring: str, history: int | None
) -> tuple[Symmetry, Any]:
    if fields is None:
        raise ArgumentError("--fields", expected="the fields of x, such as 'p, u:vector'", got="none")
    held = arrays_of(data)
    x, y = array_named(data, held, INPUTS), array_named(data, held, LABELS)
    if x.ndim not in (3, 4, 5) or x.ndim != y.ndim or len(x) != len(y):
        raise DataError(f"{data}: expected x and y (n, channel, *space), got {tuple(x.shape)} and {tuple(y.shape)}")
    space = x.shape[2:]
    steps = 1 if history is None else history
    layout = Layout.parse(fields, dim=len(space), history=steps)
    chosen = named_group(group, space=space, periodic=[True] * len(space), argument="--group")
    symmetry = Symmetry.of_fields(chosen, layout.fields, history=steps, outputs=outputs, centring=centring)
    if "clusters" not in held:
        return symmetry, (x, y)
    marks = np.asarray(held["clusters"])
    if marks.shape != (len(x),) or marks.dtype.kind not in "iu":
        raise DataError(f"{data}: expected clusters as {len(x)} whole numbers, got {marks.dtype} {tuple(marks.shape)}")
    return symmetry, [{"inputs": x, "labels": y, "clusters": marks.astype(np.int64)}]
