"""The schema of one Well file: read from an open file, checked, and refused by name where it is broken."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import h5py
import numpy as np

from haar.actions.layout import FieldSpec
from haar.data.well.attributes import Attributes
from haar.data.well.axis import Axis
from haar.data.well.boundary import BoundaryType, EdgeMarks, ends
from haar.data.well.contained import check_whole, file_size
from haar.data.well.opening import guarded
from haar.data.well.stored import TENSOR_GROUPS, WellField, WellScalar
from haar.errors import ArgumentError, DataError
from haar.received import check_claim


@dataclass(frozen=True)
class StoredDomain:
    """The grid of a file.

    Args:
        grid_type: Coordinates of the grid: ``"cartesian"``, ``"spherical"``, ...
        axes: The space axes, in the order of the arrays.
        boundaries: Every boundary condition, reduced to the ends of the axes.
    """

    grid_type: str
    axes: tuple[Axis, ...]
    boundaries: tuple[EdgeMarks, ...]

    @property
    def resolution(self) -> tuple[int, ...]:
        """Number of points of every axis."""
        return tuple(axis.size for axis in self.axes)


@dataclass(frozen=True)
class FileSchema:
    """What one file says about itself.

    Args:
        path: Path of the file.
        name: Name of the data set.
        domain: Grid and boundaries of the file.
        trajectories: Number of trajectories.
        steps: Number of time steps of each.
        fields: Every field, in the order of storage: scalars, vectors, tensors.
        scalars: Every number that is no field.
        parameters: The simulation parameters of this file.
        times_vary: The file holds a time axis for every trajectory.
    """

    path: str
    name: str
    domain: StoredDomain
    trajectories: int
    steps: int
    fields: tuple[WellField, ...]
    scalars: tuple[WellScalar, ...]
    parameters: Mapping[str, Any]
    times_vary: bool = False


def read_schema(file: h5py.File, path: str | os.PathLike[str]) -> FileSchema:
    """Read and check everything about a file but its values.

    Args:
        file: The open file.
        path: Path of the file, for messages.

    Raises:
        DataError: If a group, data set or attribute of the schema is missing or has the wrong type or shape.
    """
    where = str(path)
    with guarded(where, "reading its structure"):
        return _Parser(file, where).schema()


class _Parser:
    def __init__(self, file: h5py.File, path: str) -> None:
        self.file, self.path = file, path
        self.root = Attributes(path, file)
        self.dimensions = self.group(file, "dimensions")
        self.names = Attributes(path, self.dimensions).texts("spatial_dims")
        self.trajectories = self.root.integer("n_trajectories")
        time = self.dataset(self.dimensions, "time")
        self.times_vary = Attributes(path, time).flag("sample_varying", default=False)
        lead = (self.trajectories,) if self.times_vary else ()
        if time.ndim != len(lead) + 1 or time.shape[:-1] != lead:
            self.shape_error(time, (*lead, "number of steps"))
        self.steps = int(time.shape[-1])
        self.check_times(time)
        if self.trajectories > file_size(file):
            raise DataError(f"{path}: n_trajectories is {self.trajectories}, in a file of {file_size(file)} bytes")

    def schema(self) -> FileSchema:
        declared = self.root.integer("n_spatial_dims")
        if declared != len(self.names) or declared not in (1, 2, 3):
            raise DataError(
                f"{self.path}: n_spatial_dims is {declared} and spatial_dims names {len(self.names)} axes "
                f"({', '.join(self.names)}); they should agree on 1, 2 or 3"
            )
        if self.trajectories < 1 or self.steps < 1:
            raise DataError(f"{self.path}: the file holds {self.trajectories} trajectories of {self.steps} steps")
        sizes = {}
        for name in self.names:
            stored = self.dataset(self.dimensions, name)
            if not stored.ndim:
                self.shape_error(stored, (f"number of points of {name}",))
            sizes[name] = int(stored.shape[-1])
        marks = tuple(self.boundaries(sizes))
        at_ends = ends(marks, self.names, self.path)
        axes = tuple(self.axis(name, at_ends[name]) for name in self.names)
        name = self.root.text("dataset_name")
        domain = StoredDomain(self.root.text("grid_type"), axes, marks)
        return FileSchema(
            path=self.path,
            name=name,
            domain=domain,
            trajectories=self.trajectories,
            steps=self.steps,
            fields=self.fields(domain.resolution),
            scalars=self.scalars(),
            parameters={name: _plain(self.root.raw(name)) for name in self.root.texts("simulation_parameters")},
            times_vary=self.times_vary,
        )

    def check_times(self, time: h5py.Dataset) -> None:
        check_whole(time, self.path)
        with guarded(self.path, f"reading the times {time.name}"):
            values = np.atleast_2d(np.asarray(time[()], dtype=np.float64))
        if not np.isfinite(values).all():
            raise DataError(f"{self.path}: the times {time.name} are not all finite")
        rows, places = np.nonzero(np.diff(values) <= 0)
        if rows.size:
            before, after = values[rows[0], places[0]], values[rows[0], places[0] + 1]
            whose = f" of trajectory {rows[0]}" if self.times_vary else ""
            raise DataError(
                f"{self.path}: the times {time.name}{whose} should increase; after {before:g} (step {places[0]}) "
                f"comes {after:g}"
            )

    def axis(self, name: str, at_ends: tuple[BoundaryType, BoundaryType]) -> Axis:
        stored = self.dataset(self.dimensions, name)
        attributes = Attributes(self.path, stored)
        if attributes.flag("time_varying", default=False):
            raise DataError(f"{self.path}: the coordinates {stored.name} vary in time; moving grids are not supported")
        varies = attributes.flag("sample_varying", default=False)
        if stored.ndim != 1 + varies or (varies and stored.shape[0] != self.trajectories):
            self.shape_error(stored, (*((self.trajectories,) if varies else ()), f"number of points of {name}"))
        check_whole(stored, self.path)
        with guarded(self.path, f"reading the coordinates {stored.name}"):
            points = np.asarray(stored[0] if varies else stored[:], dtype=np.float64)
        if not np.isfinite(points).all():
            raise DataError(f"{self.path}: the coordinates {stored.name} are not all finite")
        centring = attributes.text("centring") if attributes.has("centring") else None
        try:
            return Axis(name, points, at_ends, centring, varies)
        except ArgumentError as error:
            raise DataError(f"{self.path}: the coordinates {stored.name} are wrong: {error}") from error

    def fields(self, resolution: tuple[int, ...]) -> tuple[WellField, ...]:
        found: dict[str, WellField] = {}
        for order, title in enumerate(TENSOR_GROUPS):
            group = self.group(self.file, title)
            for name in Attributes(self.path, group).texts("field_names"):
                stored = self.dataset(group, name, listed=True)
                if name in found:
                    raise DataError(f"{self.path}: the name {name} is in {found[name].group} and again in {title}")
                field = self.field(stored, name, order, len(resolution))
                self.check_field(stored, field, resolution)
                found[name] = field
        if not found:
            raise DataError(f"{self.path}: the file names no field in {', '.join(TENSOR_GROUPS)}")
        return tuple(found.values())

    def field(self, stored: h5py.Dataset, name: str, order: int, dim: int) -> WellField:
        attributes = Attributes(self.path, stored)
        parity = attributes.integer("parity") if attributes.has("parity") else 1
        if parity not in (1, -1):
            raise DataError(f"{self.path}: the attribute parity of {stored.name} should be 1 or -1, it is {parity}")
        role = "variable" if attributes.flag("time_varying") else "constant"
        return WellField(
            FieldSpec(name, order, parity, role),  # type: ignore[arg-type]
            sample_varying=attributes.flag("sample_varying"),
            dim_varying=attributes.flags("dim_varying", dim),
            symmetric=order == 2 and attributes.flag("symmetric", default=False),
            antisymmetric=order == 2 and attributes.flag("antisymmetric", default=False),
            units=attributes.text("units") if attributes.has("units") else "",
        )

    def check_field(self, stored: h5py.Dataset, field: WellField, resolution: tuple[int, ...]) -> None:
        """Check type and shape.

        Two older forms are accepted: axes along which the field does not vary kept with size 1 (the form that the
        package of The Well's authors reads), and the components of a tensor on one axis of length D^2.
        """
        if stored.dtype.kind not in "fiub":
            raise DataError(f"{self.path}: {stored.name} should hold real numbers, it holds {stored.dtype}")
        # An axis along which a field does not vary is repeated when it is read: that, too, is a claim.
        frame = math.prod(resolution) * len(resolution) ** field.spec.order * 4
        check_claim(f"{self.path}: one step of {stored.name}", frame, file_size(self.file), packed=True)
        shape = field.stored_shape(trajectories=self.trajectories, steps=self.steps, resolution=resolution)
        dim, order = len(resolution), field.spec.order
        lead = shape[: field.sample_varying + field.time_varying]
        kept = tuple(size if varies else 1 for size, varies in zip(resolution, field.along(dim), strict=True))
        left_out = field.frame_shape(resolution)[: sum(field.along(dim))]
        components = {(dim,) * order, (dim**order,) * (order > 0)}
        if stored.shape not in {(*lead, *space, *last) for space in (kept, left_out) for last in components}:
            self.shape_error(stored, shape)

    def scalars(self) -> tuple[WellScalar, ...]:
        group = self.group(self.file, "scalars")
        found = []
        for name in Attributes(self.path, group).texts("field_names"):
            stored = self.dataset(group, name, listed=True)
            attributes = Attributes(self.path, stored)
            scalar = WellScalar(name, attributes.flag("sample_varying"), attributes.flag("time_varying"))
            shape = (self.trajectories,) * scalar.sample_varying + (self.steps,) * scalar.time_varying
            if stored.shape != shape and not (shape == () and stored.shape == (1,)):
                self.shape_error(stored, shape)
            found.append(scalar)
        return tuple(found)

    def boundaries(self, sizes: Mapping[str, int]) -> list[EdgeMarks]:
        group = self.group(self.file, "boundary_conditions")
        return [self.boundary(self.group(group, name), name, sizes) for name in group]

    def boundary(self, entry: h5py.Group, name: str, sizes: Mapping[str, int]) -> EdgeMarks:
        attributes = Attributes(self.path, entry)
        dims = attributes.texts("associated_dims")
        unknown = [dim for dim in dims if dim not in sizes]
        if unknown or not dims:
            raise DataError(
                f"{self.path}: the boundary {name} belongs to {unknown or 'no axis'}; the axes are {list(sizes)}"
            )
        try:
            kind = BoundaryType.parse(attributes.text("bc_type"))
        except ArgumentError as error:
            raise DataError(f"{self.path}: the boundary {name} has an unknown bc_type: {error}") from error
        mask = self.dataset(entry, "mask")
        check_whole(mask, self.path)
        lead = attributes.flag("sample_varying", default=False) + attributes.flag("time_varying", default=False)
        shape = tuple(sizes[dim] for dim in dims)
        if mask.ndim != lead + len(dims) or mask.shape[lead:] != shape:
            self.shape_error(mask, (*("trajectory or step",) * lead, *shape))
        touched = {}
        for at, dim in enumerate(dims):
            edges = []
            for end in (0, sizes[dim] - 1):
                with guarded(self.path, f"reading {mask.name}"):
                    edge = np.asarray(mask[(slice(None),) * (lead + at) + (end,)]).astype(bool)
                # A wall is one only where it closes the whole edge; anything open is open.
                edges.append(bool(edge.all() if kind is BoundaryType.WALL else edge.any()))
            touched[dim] = (edges[0], edges[1])
        return EdgeMarks(name, kind, touched)

    def group(self, parent: h5py.Group, name: str) -> h5py.Group:
        with guarded(self.path, f"opening the group {name}"):
            there = name in parent
            found = parent[name] if there else None
        if not isinstance(found, h5py.Group):  # type: ignore[attr-defined]
            what = f"{name} is not a group" if there else f"the group {name} is missing"
            raise DataError(f"{self.path}: {what}; a Well file has one, empty or not, other arrays are given as .npz")
        return found

    def dataset(self, parent: h5py.Group, name: str, *, listed: bool = False) -> h5py.Dataset:
        with guarded(self.path, f"opening the data set {name} in {parent.name}"):
            there = name in parent
            found = parent[name] if there else None
        if not isinstance(found, h5py.Dataset):  # type: ignore[attr-defined]
            how = (
                f"{parent.name} lists {name}, but holds no such data set"
                if listed
                else f"no data set {name} in {parent.name}"
            )
            raise DataError(f"{self.path}: {how}")
        if found.shape is None:
            raise DataError(f"{self.path}: the data set {found.name} is empty")
        return found

    def shape_error(self, stored: h5py.Dataset, expected: tuple[object, ...]) -> NoReturn:
        wanted = ", ".join(str(size) for size in expected)
        raise DataError(f"{self.path}: {stored.name} should have the shape ({wanted}), it has {stored.shape}")


def _plain(value: Any) -> Any:
    """Numbers and text as Python's own; arrays as lists."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
