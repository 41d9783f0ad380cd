"""Statistics of a data set in one pass: while it is written, or from files that are there."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Shaped

from haar.data.well.moments import Moments
from haar.data.well.reader import WellReader
from haar.data.well.statistics import Statistics
from haar.data.well.stored import WellField

_VALUES = 1 << 19  # at a time: 4 MiB of float64


class StatisticsCollector:
    """Gathers the moments of fields and of their changes, mergeable over files and processes.

    Example:
        >>> collector = StatisticsCollector()
        >>> collector.add("p", np.array([[1.0, 3.0], [2.0, 6.0]]), components=0)  # two time steps of two points
        >>> found = collector.compute()
        >>> float(found.mean["p"]), float(found.mean_delta["p"])
        (3.0, 2.0)
    """

    def __init__(self) -> None:
        self._values: dict[str, Moments] = {}
        self._changes: dict[str, Moments] = {}

    def add(
        self,
        name: str,
        frames: Shaped[np.ndarray, "time *space_and_components"],
        *,
        components: int,
        before: Shaped[np.ndarray, "*space_and_components"] | None = None,
        varying: bool = True,
        repeat: int = 1,
    ) -> None:
        """Add consecutive time steps of one field of one trajectory.

        Args:
            name: Name of the field.
            frames: Consecutive time steps of the field.
            components: Number of component axes at the end: the tensor order.
            before: The step before the first of these, if there was one.
            varying: Whether the field varies in time; if not, it has no changes.
            repeat: Number of trajectories share these values.
        """
        for part in _parts(frames):
            self._merge(self._values, name, Moments.of(part, components, repeat))
            if varying:
                wide = np.asarray(part, dtype=np.float64)
                lead = wide[:1] if before is None else np.asarray(before, dtype=np.float64)[None]
                with np.errstate(invalid="ignore"):
                    changes = np.diff(np.concatenate([lead, wide]), axis=0)[before is None :]
                self._merge(self._changes, name, Moments.of(changes, components, repeat))
                before = part[-1]

    def merge(self, other: StatisticsCollector) -> StatisticsCollector:
        """Take in what another collector has gathered."""
        for name, moments in other._values.items():
            self._merge(self._values, name, moments)
        for name, moments in other._changes.items():
            self._merge(self._changes, name, moments)
        return self

    def compute(self) -> Statistics:
        """The statistics so far. A field with a single time step has no change, and is left out of those tables."""
        changed = {name: moments for name, moments in self._changes.items() if moments.count}
        return Statistics(
            mean={name: moments.mean for name, moments in self._values.items()},
            std={name: moments.std for name, moments in self._values.items()},
            rms={name: moments.rms for name, moments in self._values.items()},
            mean_delta={name: moments.mean for name, moments in changed.items()},
            std_delta={name: moments.std for name, moments in changed.items()},
            rms_delta={name: moments.rms for name, moments in changed.items()},
        )

    @staticmethod
    def _merge(into: dict[str, Moments], name: str, moments: Moments) -> None:
        into[name] = into[name].merge(moments) if name in into else moments


def _parts(frames: Shaped[np.ndarray, "time *rest"]) -> Iterator[np.ndarray]:
    step = max(1, _VALUES // max(1, frames[0].size))
    for start in range(0, len(frames), step):
        yield frames[start : start + step]


def compute_statistics(source: WellReader | str | os.PathLike[str]) -> Statistics:
    """The statistics of files that are there, a few megabytes at a time.

    Args:
        source: A reader, or the path of a Well folder: then its training split, as the format has it.

    Raises:
        DataError: If a file is damaged or holds NaN or infinity.

    Example:
        `compute_statistics(root).save(root / "stats.yaml")`
    """
    reader = source if isinstance(source, WellReader) else WellReader(source, dtype=torch.float64)
    collector = StatisticsCollector()
    first = 0
    for trajectories in reader.metadata.trajectories:
        for field in reader.metadata.stored:
            # What all trajectories share is read once and counted for each.
            shared = 1 if field.sample_varying else trajectories
            for trajectory in range(first, first + trajectories, shared):
                _add(collector, reader, field, trajectory, shared)
        first += trajectories
    return collector.compute()


def _add(collector: StatisticsCollector, reader: WellReader, field: WellField, trajectory: int, repeat: int) -> None:
    steps = reader.steps(trajectory)
    frame = int(np.prod(field.frame_shape(reader.metadata.resolution), dtype=np.int64))
    some = max(1, _VALUES // max(1, frame))
    before: np.ndarray | None = None
    for start in range(0, steps if field.time_varying else 1, some):
        stop = min(start + some, steps)
        frames = reader.frames(trajectory, field, slice(start, stop) if field.time_varying else None)
        collector.add(
            field.name,
            frames,
            components=field.spec.order,
            before=before,
            varying=field.time_varying,
            repeat=repeat,
        )
        before = frames[-1]
