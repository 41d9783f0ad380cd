"""Whole trajectories, for rollouts: a model begins from the first steps, and its answers are held against the rest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.utils.data import Dataset

from haar.actions.layout import Layout
from haar.data.well.reader import WellReader
from haar.errors import ArgumentError


@dataclass(frozen=True)
class Trajectory:
    """One run of a simulation.

    Args:
        states: The fields that vary in time, in The Well's channel order and physical units.
        constants: The fields that do not.
        times: Times of the states.
        layout: The channels of one step: `states`, then `constants`.
        parameters: Simulation parameters of its file.
        scalars: Numbers that are no fields.
    """

    states: Float[Tensor, "time channel *space"]
    constants: Float[Tensor, "constant *space"]
    times: Float64[Tensor, " time"]
    layout: Layout
    parameters: Mapping[str, Any]
    scalars: Mapping[str, Float64[Tensor, "..."]]

    def __len__(self) -> int:
        """Number of time steps."""
        return int(self.states.shape[0])

    def history(self, steps: int, start: int = 0) -> Float[Tensor, "inputs *space"]:
        """The input of a model: `steps` time steps from `start` on, time slowest, then the constants.

        Raises:
            ArgumentError: If they do not lie within the trajectory.
        """
        if steps < 1 or start < 0 or start + steps > len(self):
            raise ArgumentError(
                "history", expected=f"steps within 0..{len(self) - 1}", got=f"{start}..{start + steps - 1}"
            )
        return torch.cat([self.states[start : start + steps].flatten(0, 1), self.constants])

    def future(self, steps: int, start: int = 0) -> Float[Tensor, "time channel *space"]:
        """What follows such a history: the truth that a rollout is compared with (a view)."""
        return self.states[start + steps :]


class Trajectories(Dataset[Trajectory]):
    """The trajectories of a split; each is read when it is asked for.

    Args:
        source: A reader, or the path of a Well folder or file.
        split: Which split, where `source` is a path.
        fields: Names of the fields to take; None for all.
        stride: Distance between the steps that are read.
        limit: Read at most this many steps of each; None for all.
        dtype: Precision of the tensors, where `source` is a path.

    Raises:
        ArgumentError: If an argument has a wrong value.
        DataError: If a file does not follow the format.

    Example:
        >>> from haar.data.well.examples import small_well
        >>> with small_well() as root:
        ...     run = Trajectories(root)[0]
        >>> tuple(run.states.shape), tuple(run.history(2).shape), len(run.future(2))
        ((6, 3, 8, 8), (6, 8, 8), 4)
    """

    def __init__(
        self,
        source: WellReader | str | os.PathLike[str],
        *,
        split: str | None = None,
        fields: Iterable[str] | None = None,
        stride: int = 1,
        limit: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if stride < 1:
            raise ArgumentError("stride", expected="at least 1", got=stride)
        if limit is not None and limit < 1:
            raise ArgumentError("limit", expected="at least 1 step, or None", got=limit)
        if isinstance(source, WellReader) and split is not None:
            raise ArgumentError("split", expected="none, as the reader has one", got=repr(split))
        self.reader = source if isinstance(source, WellReader) else WellReader(source, split=split, dtype=dtype)
        self.fields = None if fields is None else tuple(fields)
        self.stride, self.limit = stride, limit
        self.layout = self.reader.layout(1, self.fields)

    def __len__(self) -> int:
        """Number of trajectories."""
        return len(self.reader)

    def __getitem__(self, index: int) -> Trajectory:
        """One whole trajectory.

        Raises:
            IndexError: If there is no such trajectory.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"trajectory {index} of {len(self)}")
        total = self.reader.steps(index)
        stop = total if self.limit is None else min(total, (self.limit - 1) * self.stride + 1)
        steps = slice(0, stop, self.stride)
        return Trajectory(
            states=self.reader.read(index, steps, self.fields),
            constants=self.reader.constants(index, self.fields),
            times=self.reader.times(index, steps),
            layout=self.layout,
            parameters=self.reader.parameters(index),
            scalars=self.reader.scalars(index, steps),
        )
