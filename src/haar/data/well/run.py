"""A trajectory that is being written, a few steps at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import h5py
import numpy as np

from haar.data.well.collect import StatisticsCollector
from haar.data.well.incoming import Intake, complete
from haar.data.well.opening import guarded
from haar.data.well.stored import WellField
from haar.data.well.values import Values
from haar.errors import ArgumentError, ShapeError


class Run:
    """One trajectory of a `WellWriter`, made by `WellWriter.trajectory` and used as a context manager.

    Args:
        index: Its number in the file.
        steps: Number of time steps it will have.
        datasets: Where the fields that vary in time are stored.
        fields: The fields that vary in time.
        intake: Checks and converts their values.
        finish: Called with this run at its end, whole or not.
    """

    def __init__(
        self,
        index: int,
        steps: int,
        *,
        fields: Sequence[WellField],
        datasets: Mapping[str, h5py.Dataset],
        intake: Intake,
        finish: Callable[[Run], None],
    ) -> None:
        self.index, self.total, self.steps = index, steps, 0
        self.statistics = StatisticsCollector()
        self._fields, self._datasets, self._intake, self._finish = tuple(fields), datasets, intake, finish
        self._last: dict[str, np.ndarray] = {}
        self._open, self.whole = True, False

    def append(self, fields: Mapping[str, Values]) -> None:
        """Write the next time steps.

        Args:
            fields: Values of every field that varies in time and between trajectories: (t, *space, *component), the
                same number of steps t for all.

        Raises:
            ArgumentError: If a field is missing or unknown, a value is NaN or infinite, or the trajectory has ended.
            ShapeError: If an array has the wrong shape, or there are too many steps.
            DataError: If the file cannot be written.
        """
        if not self._open:
            raise ArgumentError("trajectory", expected="one that is open", got="one whose with block has ended")
        complete("fields", [field.name for field in self._fields], fields)
        if not self._fields:
            return
        count = self._count(fields[self._fields[0].name])
        where = f"trajectory {self.index}"
        blocks = {f.name: self._intake.block(f, fields[f.name], count, where, self.steps) for f in self._fields}
        for field in self._fields:
            block = blocks[field.name]
            with guarded(self._datasets[field.name].file.filename, f"writing the field {field.name}"):
                self._datasets[field.name][self.index, self.steps : self.steps + count] = block
            self.statistics.add(field.name, block, components=field.spec.order, before=self._last.get(field.name))
            self._last[field.name] = block[-1].copy()
        self.steps += count

    def _count(self, values: Values) -> int:
        shape, left = np.shape(values), self.total - self.steps
        if not shape or not 1 <= shape[0] <= left:
            expected = f"1 to {left} more time steps on the first axis" if left else "no more time steps"
            raise ShapeError(self._fields[0].name, expected=expected, got=f"shape {shape}")
        return int(shape[0])

    def __enter__(self) -> Run:  # noqa: PYI034 (the shape checks cannot resolve Self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self.whole = error is None and (not self._fields or self.steps == self.total)
        self._finish(self)
        if error is None and not self.whole:
            raise ArgumentError("trajectory", expected=f"{self.total} time steps", got=self.steps)
