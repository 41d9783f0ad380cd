"""Whole trajectories as the units of intervals: rows of one are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.compress.batch import Batch
from haar.errors import ArgumentError
from haar.probing.trajectory_names import trajectory_marks


def units_of(batches: Sequence[Batch], clusters: Any = None) -> Int[Tensor, " samples"] | None:
    """The number of the trajectory of every sample, in the order in which trajectories first occur.

    Args:
        batches: The data, which may say so themselves.
        clusters: Whole numbers or names for all samples of all batches, in their order.

    Returns:
        None where nobody says which sample is of which.

    Raises:
        ArgumentError: If both say so, only some batches do, or marks are not one whole number or name a sample.

    Example:
        >>> units_of([Batch(None, (torch.zeros(3, 1),)), Batch(None, (torch.zeros(2, 1),))], ["b", "b", "a", "b", "c"])
        tensor([0, 0, 1, 0, 2])
    """
    own = [batch.clusters is not None for batch in batches]
    if clusters is not None and any(own):
        raise ArgumentError("clusters", expected="none beside (inputs, targets, clusters)", got="some")
    if clusters is None and not any(own):
        return None
    if clusters is None:
        if not all(own):
            got = f"none in batch {own.index(False)}"
            raise ArgumentError("data", expected="clusters in every batch, or in none", got=got)
        clusters = [mark for batch in batches for mark in _listed(batch)]
    marks = trajectory_marks(clusters, sum(batch.size for batch in batches)).cpu()
    _, first, inverse = np.unique(marks.numpy(), return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return torch.from_numpy(place[inverse])


def _listed(batch: Batch) -> list[Any]:
    """The marks of one batch; numbers are equal across batches where they are, and so are names."""
    marks = batch.clusters.to_numpy() if hasattr(batch.clusters, "to_numpy") else batch.clusters
    listed = marks.tolist() if isinstance(marks, (Tensor, np.ndarray)) else marks
    if not isinstance(listed, (list, tuple)) or len(listed) != batch.size:
        got = len(listed) if isinstance(listed, (list, tuple)) else type(listed).__name__
        raise ArgumentError("data", expected=f"one of clusters for each of {batch.size} samples of a batch", got=got)
    return list(listed)


def by_unit(
    columns: Float[Tensor, "rows columns"], units: Int[Tensor, " samples"], metric: str
) -> Float[Tensor, "units columns"]:
    """Columns summed over the samples of every trajectory.

    Args:
        columns: A row for every sample.
        units: Of `units_of`.
        metric: What is measured, for the message.

    Raises:
        ArgumentError: If the metric tells no number of every sample.

    Example:
        >>> by_unit(torch.tensor([[1.0], [2.0], [4.0]]).double(), torch.tensor([0, 1, 0]), "loss")
        tensor([[5.],
                [2.]], dtype=torch.float64)
    """
    if len(columns) != len(units):
        raise ArgumentError(
            "metrics",
            expected=f"metrics of every sample beside clusters, {len(units)} numbers",
            got=f"{metric!r}, which has {len(columns)}",
            way_out="leave it out, or clusters",
        )
    found = torch.zeros(int(units.max()) + 1, *columns.shape[1:], dtype=columns.dtype)
    return found.index_add_(0, units, columns.cpu())


def number_of(units: Int[Tensor, " samples"] | None) -> int | None:
    """How many trajectories there are; None where samples stand alone."""
    return None if units is None else int(units.max()) + 1
