"""Reading The Well's format: every value by the hyperslab that holds it, never more."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from haar.actions.layout import Layout
from haar.data.well.folder import find_files, find_statistics
from haar.data.well.handles import OpenFiles
from haar.data.well.metadata import WellMetadata, merge_schemas
from haar.data.well.opening import guarded
from haar.data.well.schema import FileSchema, read_schema
from haar.data.well.statistics import Statistics
from haar.data.well.stored import WellField
from haar.errors import ArgumentError, DataError, known_keywords


class WellReader:
    """A split of a Well folder, or a single file.

    Only the structure is read at the start. `read` then takes from the files exactly the values it returns; axes along
    which a field does not vary are repeated when the channels are filled. The reader can be pickled and used in worker
    processes: each opens the files for itself.

    Parity is not part of the format. It is taken from `parity`, else from the attribute ``parity`` of the field's data
    set (which `WellWriter` writes and other readers ignore), else it is +1.

    Args:
        path: A Well folder (``<path>/data/<split>/*.hdf5`` or ``.h5``), a folder of such files, or one file.
        split: ``"train"``, ``"valid"`` or ``"test"``; None means train in a Well folder.
        parity: +1 or -1 by field name: -1 for pseudo-fields such as vorticity or a magnetic field.
        dtype: Precision of the tensors returned: torch.float32 or torch.float64.
        nan: What to do with NaN and infinity: ``"refuse"``, ``"keep"``, or ``"zero"`` them (as The Well's own training
            code does; some of its data sets mark the outside of the domain so).

    Raises:
        DataError: If there is no such file, or one does not follow the schema, or two contradict each other.
        ArgumentError: If an argument has a wrong value.
    """

    @known_keywords
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        split: str | None = None,
        parity: Mapping[str, int] | None = None,
        dtype: torch.dtype = torch.float32,
        nan: str = "refuse",
    ) -> None:
        if dtype not in (torch.float32, torch.float64):
            raise ArgumentError("dtype", expected="torch.float32 or torch.float64", got=dtype)
        if nan not in ("refuse", "keep", "zero"):
            raise ArgumentError("nan", expected="'refuse', 'keep' or 'zero'", got=repr(nan))
        self.path, self.split, self.dtype, self.nan = Path(path), split, dtype, nan
        self.files = find_files(self.path, split)
        self._handles = OpenFiles()
        self._schemas = tuple(read_schema(self._handles.get(str(file)), file) for file in self.files)
        self.metadata: WellMetadata = merge_schemas(self._schemas, parity or {})
        self._starts = (0, *accumulate(schema.trajectories for schema in self._schemas))

    def __len__(self) -> int:
        """Number of trajectories in all files."""
        return self._starts[-1]

    def __repr__(self) -> str:
        meta = self.metadata
        size = " x ".join(map(str, meta.resolution))
        return f"WellReader({meta.name}: {len(self)} trajectories in {len(self.files)} files, {size}, {self.path})"

    def __enter__(self) -> WellReader:  # noqa: PYI034 (the shape checks cannot resolve Self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files; reading again opens them again."""
        self._handles.close()

    def layout(self, history: int = 1, fields: Iterable[str] | None = None) -> Layout:
        """The channels of a model that is given `history` time steps; see `WellMetadata.layout`."""
        return self.metadata.layout(history, fields)

    def steps(self, trajectory: int) -> int:
        """Number of time steps of a trajectory (files may differ)."""
        return self._locate(trajectory)[0].steps

    def parameters(self, trajectory: int) -> dict[str, Any]:
        """The simulation parameters of the file that a trajectory is in."""
        return dict(self._locate(trajectory)[0].parameters)

    def statistics(self) -> Statistics:
        """The ``stats.yaml`` of the folder.

        Raises:
            DataError: If there is none, or it is not what the format says.
        """
        return Statistics.load(find_statistics(self.path))

    def read(
        self, trajectory: int, steps: slice | None = None, fields: Iterable[str] | None = None
    ) -> Float[Tensor, "time channel *space"]:
        """The fields that vary in time, as channels in The Well's order.

        Args:
            trajectory: Which one, counted through all files; negative counts from the end.
            steps: Which time steps, with a positive stride; None for all.
            fields: Names of the fields to take; None for all.

        Raises:
            ArgumentError: If the trajectory or a name does not exist, or a step lies outside the trajectory.
            DataError: If the file is damaged, or holds NaN or infinity (and `nan` is ``"refuse"``).
        """
        schema, local = self._locate(trajectory)
        at = _steps(steps, schema.steps)
        chosen = [field for field in self.metadata.select(fields) if field.time_varying]
        return self._stack(schema, local, chosen, at)

    def constants(self, trajectory: int, fields: Iterable[str] | None = None) -> Float[Tensor, "channel *space"]:
        """The fields that do not vary in time, as channels; there may be none of them.

        Args:
            trajectory: Number of the trajectory, over all files.
            fields: Names of the fields to take; None for all.

        Raises:
            ArgumentError: If the trajectory or a name does not exist.
            DataError: If the file is damaged, or holds NaN or infinity (and `nan` is ``"refuse"``).
        """
        schema, local = self._locate(trajectory)
        chosen = [field for field in self.metadata.select(fields) if not field.time_varying]
        return self._stack(schema, local, chosen, range(1))[0]

    def times(self, trajectory: int, steps: slice | None = None) -> Float64[Tensor, " time"]:
        """The times of the steps, in the units of the file."""
        schema, local = self._locate(trajectory)
        at = _steps(steps, schema.steps)
        with guarded(schema.path, "reading the times"):
            stored = self._handles.dataset(schema.path, "dimensions/time")
            index = slice(at.start, at.stop, at.step)
            values = stored[local, index] if schema.times_vary else stored[index]
            return torch.from_numpy(np.asarray(values, dtype=np.float64))

    def scalars(self, trajectory: int, steps: slice | None = None) -> dict[str, Float64[Tensor, "..."]]:
        """The numbers that are no fields: shape () or, where they vary in time, (time,)."""
        schema, local = self._locate(trajectory)
        at = _steps(steps, schema.steps)
        found = {}
        with guarded(schema.path, "reading the scalars"):
            for scalar in schema.scalars:
                index: tuple[Any, ...] = (local,) * scalar.sample_varying
                index += (slice(at.start, at.stop, at.step),) * scalar.time_varying
                values = np.asarray(
                    self._handles.dataset(schema.path, f"scalars/{scalar.name}")[index], dtype=np.float64
                )
                found[scalar.name] = torch.from_numpy(values if scalar.time_varying else values.reshape(()))
        return found

    def boundary_mask(self, name: str, file: int = 0) -> np.ndarray:
        """The mask of one boundary condition, as stored: True where the boundary is.

        Args:
            name: Its name in the file, for example ``"x_periodic"``.
            file: Number of the file, in the order of their names.

        Raises:
            ArgumentError: If there is no boundary of that name.
        """
        schema = self._schemas[file]
        names = [mark.name for mark in schema.domain.boundaries]
        if name not in names:
            raise ArgumentError("name", expected=f"a boundary of this file ({', '.join(names)})", got=repr(name))
        with guarded(schema.path, f"reading the mask of {name}"):
            return np.asarray(self._handles.get(schema.path)["boundary_conditions"][name]["mask"][()]).astype(bool)

    def _locate(self, trajectory: int) -> tuple[FileSchema, int]:
        if not -len(self) <= trajectory < len(self):
            raise ArgumentError("trajectory", expected=f"an index below {len(self)}", got=trajectory)
        trajectory %= len(self)
        file = bisect_right(self._starts, trajectory) - 1
        return self._schemas[file], trajectory - self._starts[file]

    def frames(
        self, trajectory: int, field: WellField, steps: slice | None = None
    ) -> Float[np.ndarray, "time *space_and_components"]:
        """One field as it is stored: components last, without the axes along which it does not vary.

        Args:
            trajectory: Number of the trajectory, over all files.
            field: One of `metadata.stored`.
            steps: Which time steps, with a positive stride; None for all. A field that does not vary in time has one.

        Raises:
            ArgumentError: If the trajectory does not exist, or a step lies outside it.
            DataError: If the file is damaged, or holds NaN or infinity (and `nan` is ``"refuse"``).
        """
        schema, local = self._locate(trajectory)
        return self._frames(schema, local, field, _steps(steps, schema.steps) if field.time_varying else range(1))

    def _stack(
        self, schema: FileSchema, local: int, chosen: list[WellField], at: range
    ) -> Float[Tensor, "time channel *space"]:
        dim, space = self.metadata.dim, self.metadata.resolution
        out = torch.empty(len(at), sum(field.spec.size(dim) for field in chosen), *space, dtype=self.dtype)
        start = 0
        for field in chosen:
            size = field.spec.size(dim)
            kept = (n if varies else 1 for n, varies in zip(space, field.along(dim), strict=True))
            block = torch.from_numpy(self._frames(schema, local, field, at)).reshape(len(at), *kept, size)
            out[:, start : start + size] = block.movedim(-1, 1)  # axes of size 1 are repeated here
            start += size
        return out

    def _frames(self, schema: FileSchema, local: int, field: WellField, at: range) -> np.ndarray:
        index: tuple[Any, ...] = (local,) * field.sample_varying
        index += (slice(at.start, at.stop, at.step),) * field.time_varying
        with guarded(schema.path, f"reading the field {field.name} of trajectory {local}"):
            stored = self._handles.dataset(schema.path, f"{field.group}/{field.name}")[index]
            with np.errstate(over="ignore"):  # what overflows is found below
                values = np.asarray(stored, dtype=np.float64 if self.dtype == torch.float64 else np.float32)
        frames = values if field.time_varying else values[None]
        # flat tensors, axes kept with size 1
        frames = frames.reshape(len(at), *field.frame_shape(schema.domain.resolution))
        finite = np.isfinite(frames)
        if self.nan == "keep" or finite.all():
            return frames
        if self.nan == "zero":
            return np.where(finite, frames, frames.dtype.type(0))
        step = at[int(np.flatnonzero(~finite.reshape(len(at), -1).all(axis=1))[0])]
        when = f", step {step}" if field.time_varying else ""
        raise DataError(
            f"{schema.path}: the field {field.name} is NaN or infinite in trajectory {local}{when}; "
            "read with nan='zero' if that marks the outside of the domain"
        )


def _steps(steps: slice | None, total: int) -> range:
    if steps is None:
        return range(total)
    start = 0 if steps.start is None else steps.start
    stop = total if steps.stop is None else steps.stop
    stride = 1 if steps.step is None else steps.step
    if stride < 1 or not 0 <= start < stop <= total + stride - 1 or (last := range(start, stop, stride)[-1]) >= total:
        raise ArgumentError("steps", expected=f"time steps within 0..{total - 1}, with a positive stride", got=steps)
    return range(start, last + 1, stride)
