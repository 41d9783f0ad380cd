"""DATA on the command line: windows of a data set in The Well's format, and the symmetry that fits them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from haar.actions import FieldSpec, Layout, Symmetry
from haar.data import WellMetadata, WellReader
from haar.data.array_file import HDF5, holds_arrays
from haar.data.well.axis_motions import exchange_fault, field_grid, reversal_fault, shift_fault
from haar.data.well.domain_symmetry import domain_symmetry
from haar.errors import ArgumentError
from haar.groups.names import named_group


def is_well(data: Path) -> bool:
    """Whether it is a data set in The Well's format: a folder, or an HDF5 file that is not one of plain arrays.

    Args:
        data: As given.
    """
    return data.is_dir() or (data.suffix.lower() in HDF5 and not holds_arrays(data))


def open_well(
    data: Path, *, split: str | None = None, fields: str | None = None
) -> tuple[WellReader, list[str] | None]:
    """Open a data set, and check what the user says of its fields.

    Args:
        data: A Well folder or one of its files.
        split: Which split; by default test, else valid, else train, as far as they are there.
        fields: ``"tracer, velocity:vector"``: which fields the model takes, and their kinds; None for all of them.

    Returns:
        The reader, and the names of the fields (None for all).

    Raises:
        ArgumentError: If a field is unknown, of another kind, or out of the order of the files.
        DataError: If the files cannot be read.
    """
    if split is None:
        there = [name for name in ("test", "valid", "train") if (data / "data" / name).is_dir()]
        split = there[0] if there else None
    if fields is None:
        return WellReader(data, split=split), None
    reader = WellReader(data, split=split)
    wanted = Layout.parse(fields, dim=reader.metadata.dim).fields
    names = [field.name for field in wanted]
    _check_kinds(wanted, reader.layout(fields=names).fields)
    parity = {field.name: field.parity for field in wanted}
    return WellReader(data, split=split, parity=parity), names


def well_symmetry(metadata: WellMetadata, group: str, layout: Layout) -> Symmetry:
    """The symmetry of a one-step model on a data set's grid.

    Args:
        metadata: What the files say of axes and boundaries.
        group: Name of the group; ``"auto"`` for what grid, boundaries and the registry of known data sets allow.
        layout: The channels of the model's input.

    Raises:
        ArgumentError: If the group does not fit the grid: it exchanges axes that differ, or reverses one whose two ends
            differ.
    """
    if group.lower() == "auto":
        domain = domain_symmetry(metadata.axes, name=metadata.name, grid_type=metadata.grid_type)
        return domain.symmetry(layout.fields, history=layout.history)
    movable = [not shift_fault(axis) for axis in metadata.axes]
    chosen = named_group(group, space=metadata.resolution, periodic=movable, argument="--group")
    _check_axes(metadata, chosen.motion(chosen.elements()).index, chosen.motion(chosen.elements()).sign, group)
    centring, periodic = field_grid(metadata.axes)
    return Symmetry.of_fields(chosen, layout.fields, history=layout.history, centring=centring, periodic=periodic)


def _check_kinds(wanted: Sequence[FieldSpec], stored: Sequence[FieldSpec]) -> None:
    by_name = {field.name: field for field in stored}
    for field in wanted:
        theirs = by_name[field.name]
        if (field.order, field.role) != (theirs.order, theirs.role):
            told = f"{theirs.name}:{theirs.kind}" + (":constant" if theirs.role == "constant" else "")
            raise ArgumentError("--fields", expected=f"{told}, as the files store it", got=f"{field.name}:{field.kind}")
    order = [field.name for field in stored]
    if [field.name for field in wanted] != order:
        raise ArgumentError(
            "--fields",
            expected=f"the order of the files, which is that of the channels ({', '.join(order)})",
            got=", ".join(field.name for field in wanted),
        )


def _check_axes(metadata: WellMetadata, index: Tensor, sign: Tensor, group: str) -> None:
    if metadata.grid_type != "cartesian":
        raise ArgumentError("--group", expected="a cartesian grid", got=f"a {metadata.grid_type} one")
    for place, axis in enumerate(metadata.axes):
        for source in index[:, place].unique().tolist():
            other = metadata.axes[source]
            fault = exchange_fault(axis, other) if source != place else ""
            if fault:
                raise ArgumentError(
                    "--group",
                    expected="a group that exchanges only axes of the same points and boundaries",
                    got=f"{group}, which exchanges {axis.name} and {other.name}: {fault}",
                    way_out="use reflections",
                )
        fault = reversal_fault(axis)
        # An exchange takes a reversal to the other axis: the group has both, and each is looked at.
        if fault and bool((sign[:, place] < 0).any()):
            raise ArgumentError("--group", expected=f"no reversal of {axis.name}", got=f"{group}: {fault}")
