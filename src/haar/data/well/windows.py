"""Windows of a trajectory: what a surrogate model is given, and what it should answer."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from haar.actions.layout import Layout
from haar.data.well.reader import WellReader
from haar.errors import ArgumentError, formerly, known_keywords


class Windows(Dataset[tuple[Tensor, Tensor]]):
    """All pairs (input, output) of consecutive time steps in a split, read from the files when they are asked for.

    The input stacks `history` steps, time slowest, then the constant fields once; the output stacks `horizon` steps of
    the variable fields: exactly the channels of `inputs` and `outputs`. Values are in physical units. A
    `torch.utils.data.DataLoader` with any number of workers takes it as it is: each worker opens the files for itself.

    Args:
        source: A reader, or the path of a Well folder or file.
        history: Number of time steps in the input.
        horizon: Number of time steps in the output.
        stride: Distance between neighbouring steps of one window, in steps of the file.
        every: Distance between the beginnings of neighbouring windows.
        split: Which split, where `source` is a path.
        fields: Names of the fields to take; None for all. The order of the channels is always that of the files.
        dtype: Precision of the tensors, where `source` is a path.

    Raises:
        ArgumentError: If an argument has a wrong value, no trajectory is long enough, or no field varies in time.
        DataError: If a file does not follow the format.

    Example:
        >>> from haar.data.well.examples import small_well
        >>> with small_well() as root:  # 2 trajectories of 6 steps, tracer and velocity on 8 x 8 points
        ...     windows = Windows(root, history=4)
        ...     x, y = windows[0]
        >>> len(windows), tuple(x.shape), tuple(y.shape)
        (4, (12, 8, 8), (3, 8, 8))
        >>> windows.outputs.channel_names()
        ['tracer', 'velocity_x', 'velocity_y']
    """

    @known_keywords
    def __init__(
        self,
        source: WellReader | str | os.PathLike[str],
        *,
        history: int = 4,
        horizon: int = 1,
        stride: int = 1,
        every: int = 1,
        split: str | None = None,
        fields: Iterable[str] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        for name, value in {"history": history, "horizon": horizon, "stride": stride, "every": every}.items():
            if value < 1:
                raise ArgumentError(name, expected="at least 1", got=value)
        if isinstance(source, WellReader):
            if split is not None:
                raise ArgumentError("split", expected="none, as the reader has one", got=repr(split))
            self.reader = source
        else:
            self.reader = WellReader(source, split=split, dtype=dtype)
        self.history, self.horizon, self.stride, self.every = history, horizon, stride, every
        self.fields = None if fields is None else tuple(fields)
        self.inputs: Layout = self.reader.layout(history, self.fields)
        if not self.inputs.variables:
            raise ArgumentError(
                "fields", expected="at least one field that varies in time", got=f"only constants {self.fields}"
            )
        self.outputs: Layout = self.inputs.output().with_history(horizon)
        span = 1 + stride * (history + horizon - 1)
        steps = [self.reader.steps(i) for i in range(len(self.reader))]
        counts = [max(0, (n - span) // every + 1) for n in steps]
        self._ends = tuple(accumulate(counts))
        if not self._ends[-1]:
            raise ArgumentError(
                "history, horizon, stride",
                expected=f"a window within the {max(steps)} steps of the longest trajectory",
                got=f"one of {span} steps",
            )

    def __len__(self) -> int:
        """Number of windows in all trajectories."""
        return self._ends[-1]

    def where(self, index: int) -> tuple[int, int]:
        """The trajectory of a window and its first time step.

        Raises:
            IndexError: If there is no such window (so that iteration ends, as for any sequence).
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        index %= len(self)
        trajectory = bisect_right(self._ends, index)
        return trajectory, (index - (self._ends[trajectory - 1] if trajectory else 0)) * self.every

    def __getitem__(self, index: int) -> tuple[Float[Tensor, "inputs *space"], Float[Tensor, "outputs *space"]]:
        """Input and output of one window."""
        trajectory, start = self.where(index)
        stop = start + self.stride * (self.history + self.horizon - 1) + 1
        states = self.reader.read(trajectory, slice(start, stop, self.stride), self.fields)
        past, future = states[: self.history].flatten(0, 1), states[self.history :].flatten(0, 1)
        if self.inputs.constants:
            past = torch.cat([past, self.reader.constants(trajectory, self.fields)])
        return past, future

    @formerly(size="batch_size")
    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        drop_last: bool = False,
    ) -> Iterator[tuple[Float[Tensor, "batch inputs *space"], Float[Tensor, "batch outputs *space"]]]:
        """Iterate over all windows in batches; one batch is in memory at a time.

        Args:
            batch_size: Windows in a batch.
            shuffle: Take them in random order.
            generator: Source of that order; needed to shuffle.
            drop_last: Leave out a last batch that is smaller.

        Raises:
            ArgumentError: If `batch_size` is below 1, or `shuffle` comes without a generator.
        """
        if batch_size < 1:
            raise ArgumentError("batch_size", expected="at least 1 window", got=batch_size)
        if shuffle and generator is None:
            raise ArgumentError("generator", expected="a torch.Generator, to shuffle reproducibly", got="None")
        order = torch.randperm(len(self), generator=generator).tolist() if shuffle else range(len(self))
        return self._batches(order, batch_size, len(self) - len(self) % batch_size if drop_last else len(self))

    def _batches(self, order: Any, batch_size: int, stop: int) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, stop, batch_size):
            pairs = [self[i] for i in order[start : min(start + batch_size, stop)]]
            yield torch.stack([past for past, _ in pairs]), torch.stack([future for _, future in pairs])
