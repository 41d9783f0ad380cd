"""What a Well data set is about: its grid, boundaries, fields and parameters, over all the files of a split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from haar.actions.layout import FieldSpec, Layout
from haar.data.naming import known
from haar.data.well.axis import Axis
from haar.data.well.boundary import BoundaryType
from haar.data.well.schema import FileSchema
from haar.data.well.stored import WellField, WellScalar
from haar.errors import ArgumentError, DataError


@dataclass(frozen=True)
class WellMetadata:
    """What the files of one split say about themselves, checked to be the same in all of them.

    Args:
        name: Name of the data set.
        grid_type: Coordinates of the grid: ``"cartesian"``, ``"spherical"``, ...
        axes: The space axes, in the order of the arrays ("ij": the first axis of an array is the first of these).
        stored: Every field with its storage, in The Well's channel order: scalars, vectors, tensors.
        scalars: Every number that is no field, in the first file (they may differ between files).
        parameters: The simulation parameters of every file.
        trajectories: Number of trajectories in every file.
        steps: Number of time steps in every file.
    """

    name: str
    grid_type: str
    axes: tuple[Axis, ...]
    stored: tuple[WellField, ...]
    scalars: tuple[WellScalar, ...]
    parameters: tuple[Mapping[str, Any], ...]
    trajectories: tuple[int, ...]
    steps: tuple[int, ...]

    @property
    def dim(self) -> int:
        """Number of space dimensions."""
        return len(self.axes)

    @property
    def resolution(self) -> tuple[int, ...]:
        """Number of points of every axis."""
        return tuple(axis.size for axis in self.axes)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Mean distance of neighbouring points of every axis."""
        return tuple(axis.spacing for axis in self.axes)

    @property
    def uniform(self) -> bool:
        """Every axis has equally spaced points."""
        return all(axis.uniform for axis in self.axes)

    @property
    def boundaries(self) -> tuple[tuple[BoundaryType, BoundaryType], ...]:
        """Boundary type at the lower and the upper end of every axis."""
        return tuple(axis.boundary for axis in self.axes)

    @property
    def fields(self) -> tuple[FieldSpec, ...]:
        """Every field, in The Well's channel order; those that do not vary in time have the role ``"constant"``."""
        return tuple(field.spec for field in self.stored)

    @property
    def variables(self) -> tuple[FieldSpec, ...]:
        """The fields that vary in time."""
        return tuple(field for field in self.fields if field.role == "variable")

    @property
    def constants(self) -> tuple[FieldSpec, ...]:
        """The fields that do not."""
        return tuple(field for field in self.fields if field.role == "constant")

    def layout(self, history: int = 1, fields: Iterable[str] | None = None) -> Layout:
        """The channels of a model that is given `history` time steps.

        Args:
            history: Number of time steps.
            fields: Names of the fields to take (in any order: the channels keep the order of the files); None for all.

        Raises:
            ArgumentError: If a name is unknown.
        """
        names = tuple(axis.name for axis in self.axes)
        return Layout(tuple(field.spec for field in self.select(fields)), self.dim, history, names)

    def select(self, fields: Iterable[str] | None = None) -> tuple[WellField, ...]:
        """The named fields, in The Well's channel order.

        Raises:
            ArgumentError: If a name is unknown, or none is given.
        """
        if fields is None:
            return self.stored
        if isinstance(fields, str):
            raise ArgumentError("fields", expected="a list of names", got=repr(fields), way_out=f"write [{fields!r}]")
        names = {known(name, (field.name for field in self.stored), argument="fields") for name in fields}
        if not names:
            raise ArgumentError("fields", expected="at least one name", got="none")
        return tuple(field for field in self.stored if field.name in names)


def merge_schemas(schemas: Sequence[FileSchema], parities: Mapping[str, int]) -> WellMetadata:
    """One description of several files.

    Args:
        schemas: The schema of every file.
        parities: Parity by field name, in place of what the files say.

    Raises:
        DataError: If two files do not describe the same data set.
        ArgumentError: If `parities` names an unknown field or a value other than 1 and -1.
    """
    first = schemas[0]
    for other in schemas[1:]:
        _same(first, other)
    names = [field.name for field in first.fields]
    for name in parities:
        known(name, names, argument="parity")
    return WellMetadata(
        name=first.name,
        grid_type=first.domain.grid_type,
        axes=first.domain.axes,
        stored=tuple(_with_parity(field, parities) for field in first.fields),
        scalars=first.scalars,
        parameters=tuple(schema.parameters for schema in schemas),
        trajectories=tuple(schema.trajectories for schema in schemas),
        steps=tuple(schema.steps for schema in schemas),
    )


def _with_parity(field: WellField, parities: Mapping[str, int]) -> WellField:
    if field.name not in parities:
        return field
    spec = FieldSpec(field.name, field.spec.order, parities[field.name], field.spec.role)
    return WellField(spec, field.sample_varying, field.dim_varying, field.symmetric, field.antisymmetric, field.units)


def _same(first: FileSchema, other: FileSchema) -> None:
    for what, ours, theirs in (
        ("the data set name", first.name, other.name),
        ("the grid type", first.domain.grid_type, other.domain.grid_type),
        ("the axes", [axis.name for axis in first.domain.axes], [axis.name for axis in other.domain.axes]),
        ("the resolution", first.domain.resolution, other.domain.resolution),
        ("the fields", [field.spec for field in first.fields], [field.spec for field in other.fields]),
        ("the boundary types", _boundary_words(first), _boundary_words(other)),
    ):
        if ours != theirs:
            raise DataError(
                f"{other.path}: {what} differs from {first.path}: {theirs} and {ours}; read them separately"
            )
    for ours_axis, theirs_axis in zip(first.domain.axes, other.domain.axes, strict=True):
        if not ours_axis.like(theirs_axis):
            raise DataError(
                f"{other.path}: the points of {theirs_axis.name} differ from {first.path}; read them separately"
            )


def _boundary_words(schema: FileSchema) -> list[str]:
    return [f"{axis.name}: {axis.boundary[0].name}, {axis.boundary[1].name}" for axis in schema.domain.axes]
