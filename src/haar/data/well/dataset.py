"""A whole Well folder: its splits, one file each, and its statistics."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from haar.actions.layout import FieldSpec
from haar.data.well.axis import Axis
from haar.data.well.folder import SPLITS
from haar.data.well.given import Shared, Storage
from haar.data.well.stored import WellField
from haar.data.well.values import Values
from haar.data.well.writer import WellWriter
from haar.errors import ArgumentError, known_keywords


@known_keywords
def write_well(
    root: str | os.PathLike[str],
    splits: Mapping[str, Iterable[Mapping[str, Values]]],
    *,
    name: str,
    axes: Sequence[Axis],
    fields: Iterable[FieldSpec | WellField],
    times: Values,
    parameters: Mapping[str, Values | str] | None = None,
    shared: Mapping[str, Values] | None = None,
    dtype: str = "float32",
) -> Path:
    """Write ``<root>/data/<split>/<name>.hdf5`` for every split, and ``<root>/stats.yaml`` of the training split.

    The trajectories are taken one at a time, so they may come from a generator and need not fit into memory together.
    For several files in a split (one for each set of parameters, as The Well has them), step by step writing or
    numbers that vary between trajectories, use `WellWriter`, and `compute_statistics` at the end.

    Args:
        root: Folder of the data set.
        splits: For ``"train"`` and perhaps ``"valid"`` and ``"test"`` the trajectories: mappings from field to values,
            as `WellWriter.append` takes them.
        name: Name of the data set.
        axes: The space axes, in the order of the arrays.
        fields: Name, tensor order and parity of every field.
        times: Times of the steps, (T,).
        parameters: Parameters of the simulation, by name.
        shared: Values of the fields that are not ``sample_varying``.
        dtype: ``"float32"`` or ``"float64"``.

    Returns:
        The folder.

    Raises:
        ArgumentError: If a split has another name or no training split is there, or as `WellWriter` says.
        ShapeError: As `WellWriter` says.

    Example:
        >>> import tempfile, numpy as np
        >>> from haar.data.well import Axis, WellReader
        >>> folder = tempfile.TemporaryDirectory()
        >>> axes = [Axis.periodic_nodes("x", 16, length=1.0)]
        >>> run = {"u": np.sin(np.arange(3.0)[:, None] + 2 * np.pi * axes[0].coordinates)}
        >>> splits, fields = {"train": [run]}, [FieldSpec("u")]
        >>> root = write_well(folder.name, splits, name="waves", axes=axes, fields=fields, times=[0, 1, 2])
        >>> tuple(WellReader(root).read(0).shape)
        (3, 1, 16)
        >>> folder.cleanup()
    """
    root = Path(root)
    fields = list(fields)
    if "train" not in splits or not set(splits) <= set(SPLITS):
        raise ArgumentError(
            "splits", expected="'train' and perhaps 'valid' and 'test'", got=", ".join(map(repr, splits)) or "none"
        )
    for split, trajectories in splits.items():
        writer = WellWriter(
            root / "data" / split / f"{name}.hdf5",
            name=name,
            axes=axes,
            fields=fields,
            times=times,
            shared=Shared(parameters or {}, fields=shared or {}),
            storage=Storage(dtype),
        )
        with writer:
            for trajectory in trajectories:
                writer.append(trajectory)
        if split == "train":
            writer.statistics.compute().save(root / "stats.yaml")
    return root
