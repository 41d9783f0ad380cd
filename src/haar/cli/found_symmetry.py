"""A symmetry that was found, from its file or found here, and what an audit needs beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.errors import ArgumentError

if TYPE_CHECKING:
    from haar.cli.model_file import LoadedModel

#: Rows of an archive that are read at most.
_ROWS = 2**20


@dataclass(frozen=True)
class FoundSymmetry:
    """What is audited.

    Args:
        model: In the coordinates of the symmetry.
        symmetry: How the group acts there.
        data: Inputs there, or inputs, labels if there are any, and the trajectory of each.
    """

    model: Callable[..., Any]
    symmetry: Symmetry
    data: Tensor | tuple[Tensor, Tensor | None, Tensor]


def found_symmetry(
    loaded: LoadedModel,
    data: Path,
    file: Path | None,
    *,
    seed: int,
    labels: str | None = None,
    trajectories: str | None = None,
) -> FoundSymmetry:
    """Read a symmetry, or find one.

    Args:
        loaded: The model.
        data: A table of inputs, or a Well folder.
        file: What ``haar discover --save`` wrote; None to discover now.
        seed: Of the discovery.
        labels: Columns or array of labels, see `haar.cli.rows_file.read_rows`.
        trajectories: Column or array of trajectories, likewise.

    Raises:
        ArgumentError: If nothing was found that could be audited.
        DataError: If a file cannot be used.
        ShapeError: If inputs do not fit the symmetry.
    """
    from haar.actions.saved import read_symmetry_file
    from haar.discover import Coordinates, discover

    given = inputs_of(data, loaded, labels, trajectories)
    inputs, rest = (given[0], given[1:]) if isinstance(given, tuple) else (given, ())
    if file is not None:
        symmetry = Symmetry.load(file)
        place = Coordinates.read(read_symmetry_file(file).get("coordinates"))
    else:
        found = discover(loaded.module, given, seed=seed)
        if found.symmetry is None:
            raise ArgumentError(
                "--group",
                expected="a symmetry to be found",
                got=found.summary.rstrip("."),
                way_out="name a group to audit it",
            )
        symmetry, place = found.symmetry, found.coordinates
    model = loaded.module if place is None else place.model(loaded.module)
    inputs = inputs if place is None else place.of_inputs(inputs)
    symmetry.check_inputs((inputs,))
    return FoundSymmetry(model, symmetry, (inputs, *rest) if rest else inputs)  # type: ignore[arg-type]


def inputs_of(
    data: Path, loaded: LoadedModel, labels: str | None = None, trajectories: str | None = None
) -> Tensor | tuple[Tensor, Tensor | None, Tensor]:
    """Rows of a table in the model's precision, or windows of a Well folder with the trajectory of each.

    Rows come with their labels and trajectories, where the file has them or `labels` and `trajectories` name them.
    """
    from haar.cli.number_file import read_numbers
    from haar.cli.rows_file import read_rows
    from haar.cli.well_data import is_well, open_well
    from haar.data.array_file import holds_arrays

    own = next((p.dtype for p in loaded.module.parameters() if p.is_floating_point()), torch.float64)
    if labels is not None or trajectories is not None or holds_arrays(data):
        x, y, runs = read_rows(data, most=_ROWS, labels=labels, trajectories=trajectories)
        if y is None and runs is None:
            return x.to(own)
        return x.to(own), y, torch.arange(len(x)) if runs is None else runs
    if not is_well(data):
        return read_numbers(data).to(own)
    from haar.cli.surrogate_input import window_data
    from haar.data.well.spread_windows import SpreadWindows

    reader, names = open_well(data)
    windows = window_data(reader, names, None, loaded.channels, loaded.module)
    batches = list(SpreadWindows(windows, samples=64, batch_size=8))
    return torch.cat([b[0] for b in batches]).to(own), None, torch.cat([torch.as_tensor(b[2]) for b in batches])
