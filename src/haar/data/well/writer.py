"""Writing The Well's format: one file, trajectory by trajectory or step by step, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np

from haar.actions.layout import FieldSpec
from haar.data.well import skeleton
from haar.data.well.axis import Axis
from haar.data.well.boundary import Boundary, edge_boundaries
from haar.data.well.collect import StatisticsCollector
from haar.data.well.given import Shared, Storage
from haar.data.well.incoming import (
    Intake,
    checked_axes,
    checked_boundaries,
    checked_fields,
    checked_scalars,
    checked_times,
    complete,
)
from haar.data.well.opening import guarded
from haar.data.well.run import Run
from haar.data.well.stored import WellField
from haar.data.well.values import Values, as_array
from haar.errors import ArgumentError, ShapeError
from haar.files import atomic_path


class WellWriter:
    """Writes one Well file. Use it as a context manager: the file appears under its name only when the block ends well.

    Nothing but the step at hand is held in memory; the statistics of what was written are gathered on the way.

    Args:
        path: The file, usually ``<root>/data/<split>/<something>.hdf5``. Missing folders are made.
        name: Name of the data set.
        axes: The space axes, in the order of the arrays.
        fields: The fields; `WellField` where the storage is not the usual one. Scalars, vectors and tensors are put in
            the order of the format, otherwise the order is kept.
        times: Times of the steps: (T,) for all trajectories, or (n, T) with one row a trajectory.
        shared: Parameters, numbers and fields that are the same for all trajectories.
        boundaries: Boundary conditions beyond those that the axes tell, for example an obstacle.
        grid_type: Coordinates of the grid, such as ``"cartesian"``.
        storage: In single precision, without NaN, if nothing else is said.

    Raises:
        ArgumentError: If an argument has a wrong value; nothing is written.
        ShapeError: If `times` or a value in `shared` has the wrong shape.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> axes = [Axis.periodic_nodes(a, 8, length=1.0) for a in "xy"]
        >>> fields = [FieldSpec("tracer"), FieldSpec("velocity", order=1)]
        >>> path = Path(folder.name) / "run.hdf5"
        >>> with WellWriter(path, name="demo", axes=axes, fields=fields, times=[0, 1]) as writer:
        ...     writer.append({"tracer": np.zeros((2, 8, 8)), "velocity": np.zeros((2, 8, 8, 2))})
        >>> writer.trajectories
        1
        >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        name: str,
        axes: Sequence[Axis],
        fields: Iterable[FieldSpec | WellField],
        times: Values,
        shared: Shared = Shared(),
        boundaries: Iterable[Boundary] = (),
        grid_type: str = "cartesian",
        storage: Storage = Storage(),
    ) -> None:
        self.path, self.name, self.grid_type = Path(path), name, grid_type
        self.axes = checked_axes(axes)
        self.fields = checked_fields(fields, len(self.axes))
        self.times = checked_times(times, storage.dtype)
        self.parameters = dict(shared.parameters)
        edges = [each for axis in self.axes for each in edge_boundaries(axis.name, axis.size, axis.boundary)]
        self.boundaries = checked_boundaries([*edges, *boundaries], self.axes)
        self.trajectories = 0
        self.statistics = StatisticsCollector()
        self._intake = Intake(self.resolution, storage.kind, finite=storage.finite)
        self._scalars = checked_scalars(self.parameters, shared.scalars, self.steps)
        self._shared = self._shared_values(shared.fields)
        self._varying_scalars: dict[str, list[np.ndarray]] = {}
        self._stack: ExitStack | None = None
        self._file: h5py.File | None = None
        self._run: Run | None = None

    @property
    def steps(self) -> int:
        """Number of time steps of every trajectory."""
        return int(self.times.shape[-1])

    @property
    def resolution(self) -> tuple[int, ...]:
        """Number of points of every axis."""
        return tuple(axis.size for axis in self.axes)

    def append(self, fields: Mapping[str, Values], *, scalars: Mapping[str, Values] | None = None) -> None:
        """Write one whole trajectory.

        Args:
            fields: Values of every ``sample_varying`` field: (T, *space, *component), without T for constant fields,
                and without the axes along which the field does not vary.
            scalars: Numbers of this trajectory: () or (T,); the same names for every trajectory.

        Raises:
            ArgumentError: If a field is missing or unknown, or a value is NaN or infinite.
            ShapeError: If an array has the wrong shape.
        """
        complete("fields", [field.name for field in self.fields if field.sample_varying], fields)
        constant = {field.name for field in self._constants}
        given = {name: value for name, value in fields.items() if name in constant}
        with self.trajectory(given, scalars=scalars) as run:
            run.append({name: value for name, value in fields.items() if name not in constant})

    def trajectory(
        self, constants: Mapping[str, Values] | None = None, *, scalars: Mapping[str, Values] | None = None
    ) -> Run:
        """Begin a trajectory that is written a few steps at a time.

        A trajectory that is left by an exception leaves no trace in the file.

        Args:
            constants: Values of the ``sample_varying`` fields that do not vary in time.
            scalars: Numbers of this trajectory: () or (T,); the same names for every trajectory.

        Returns:
            A context manager; its `append` takes the next steps.

        Raises:
            ArgumentError: If the writer is not open, another trajectory is, or a constant is missing or unknown.
            ShapeError: If an array has the wrong shape.
        """
        self._check_free()
        given = dict(constants or {})
        complete("constants", [field.name for field in self._constants], given)
        numbers = self._checked_numbers(scalars or {})
        where = f"trajectory {self.trajectories}"
        blocks = {field.name: self._intake.block(field, given[field.name], None, where) for field in self._constants}
        with guarded(self.path, f"writing {where}"):
            for field in self.fields:
                if field.sample_varying:
                    self._dataset(field).resize(self.trajectories + 1, axis=0)
            for field in self._constants:
                self._dataset(field)[self.trajectories] = blocks[field.name]

        def finish(run: Run) -> None:
            self._run = None
            if run.whole:
                for name, number in numbers.items():
                    self._varying_scalars.setdefault(name, []).append(number)
                self.statistics.merge(run.statistics)
                self.trajectories += 1

        run = Run(
            self.trajectories,
            self.steps,
            fields=self._variables,
            datasets={field.name: self._dataset(field) for field in self._variables},
            intake=self._intake,
            finish=finish,
        )
        for field in self._constants:
            run.statistics.add(field.name, blocks[field.name][None], components=field.spec.order, varying=False)
        self._run = run
        return run

    def __enter__(self) -> WellWriter:  # noqa: PYI034 (the shape checks cannot resolve Self)
        if self._file is not None:
            raise ArgumentError("writer", expected="one with block", got="a second one inside it")
        self.trajectories, self.statistics, self._varying_scalars = 0, StatisticsCollector(), {}
        with guarded(self.path, "writing it"), ExitStack() as stack:
            part = stack.enter_context(atomic_path(self.path))
            file = stack.enter_context(h5py.File(part, "w"))  # type: ignore[attr-defined]
            skeleton.write_root(file, self.name, self.grid_type, len(self.axes), self.parameters)
            skeleton.write_dimensions(file.create_group("dimensions"), self.axes, self.times, self._intake.dtype)
            skeleton.write_boundaries(file.create_group("boundary_conditions"), self.boundaries, self._intake.dtype)
            skeleton.write_fields(
                file,
                self.fields,
                shared=self._shared,
                steps=self.steps,
                resolution=self.resolution,
                dtype=self._intake.dtype,
            )
            self._file, self._stack = file, stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stack is None or self._file is None:
            return
        stack, file = self._stack, self._file
        try:
            if error is None:
                with guarded(self.path, "writing it"):
                    self._finish(file)
        except BaseException as late:
            stack.__exit__(type(late), late, late.__traceback__)
            raise
        else:
            with guarded(self.path, "closing it") if error is None else nullcontext():
                stack.__exit__(kind, error, trace)
        finally:
            self._stack = self._file = self._run = None

    def _finish(self, file: h5py.File) -> None:
        if self._run is not None:
            raise ArgumentError("trajectory", expected="the last one to be complete", got="one that is still open")
        if self.trajectories == 0:
            raise ArgumentError("trajectories", expected="at least one before the file is closed", got="none")
        if self.times.ndim == 2 and self.times.shape[0] != self.trajectories:
            raise ArgumentError(
                "times",
                expected=f"one row for each of {self.trajectories} trajectories",
                got=f"shape {self.times.shape}",
            )
        file.attrs["n_trajectories"] = self.trajectories
        for field in self.fields:
            if field.sample_varying:
                self._dataset(field).resize(self.trajectories, axis=0)
                continue
            values = self._shared[field.name] if field.time_varying else self._shared[field.name][None]
            self.statistics.add(
                field.name,
                values,
                components=field.spec.order,
                varying=field.time_varying,
                repeat=self.trajectories,
            )
        skeleton.write_scalars(file.create_group("scalars"), self._scalars, self._varying_scalars)

    def _check_free(self) -> None:
        """Refuse a trajectory before the file is open, within another, or without times of its own."""
        self._opened()
        if self._run is not None:
            raise ArgumentError("trajectory", expected="the one before to be complete", got="a second one at a time")
        if self.times.ndim == 2 and self.trajectories >= self.times.shape[0]:
            raise ArgumentError("times", expected=f"{self.times.shape[0]} trajectories", got="one more")

    @property
    def _constants(self) -> list[WellField]:
        return [field for field in self.fields if field.sample_varying and not field.time_varying]

    @property
    def _variables(self) -> list[WellField]:
        return [field for field in self.fields if field.sample_varying and field.time_varying]

    def _shared_values(self, shared: Mapping[str, Values]) -> dict[str, np.ndarray]:
        expected = [field for field in self.fields if not field.sample_varying]
        complete("shared", [field.name for field in expected], shared)
        return {
            field.name: self._intake.block(
                field, shared[field.name], self.steps if field.time_varying else None, "what all trajectories share"
            )
            for field in expected
        }

    def _checked_numbers(self, scalars: Mapping[str, Values]) -> dict[str, np.ndarray]:
        arrays = {name: np.asarray(as_array(value), dtype=np.float64) for name, value in scalars.items()}
        for name, array in arrays.items():
            if array.shape not in ((), (self.steps,)):
                raise ShapeError(f"scalar {name}", expected=f"shape () or ({self.steps},)", got=f"shape {array.shape}")
            if name in self._scalars or name in self.parameters:
                raise ArgumentError("scalars", expected="names of their own", got=f"{name!r} again")
        before = {name: values[0].shape for name, values in self._varying_scalars.items()}
        if self.trajectories and before != {name: array.shape for name, array in arrays.items()}:
            raise ArgumentError(
                "scalars",
                expected=f"the names and shapes of the first trajectory ({', '.join(before) or 'none'})",
                got=", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "none",
            )
        return arrays

    def _dataset(self, field: WellField) -> h5py.Dataset:
        return self._opened()[field.group][field.name]

    def _opened(self) -> h5py.File:
        if self._file is None:
            raise ArgumentError("writer", expected="an open writer", got="one outside its with block")
        return self._file
