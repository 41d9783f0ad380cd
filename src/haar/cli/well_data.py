"""DATA on the command line: windows of a data set in The Well's format, and the symmetry that fits them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from haar.actions import FieldSpec, Layout, Symmetry
from haar.cli.group_name import parse_group
from haar.data import WellMetadata, WellReader, Windows
from haar.errors import ArgumentError


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
        group: Name of the group.
        layout: The channels of the model's input.

    Raises:
        ArgumentError: If the group does not fit the grid: it exchanges axes that differ, or reverses one whose two ends
            differ.
    """
    periodic = [axis.periodic for axis in metadata.axes]
    chosen = parse_group(group, space=metadata.resolution, periodic=periodic)
    _check_axes(metadata, chosen.motion(chosen.elements()).index, chosen.motion(chosen.elements()).sign, group)
    nodes = [axis.centring == "periodic-node" for axis in metadata.axes]
    return Symmetry.of_fields(
        chosen,
        layout.fields,
        history=layout.history,
        centring="node" if any(nodes) else "cell",
        periodic=nodes,
    )


class SpreadWindows:
    """So many windows, spread evenly over a split, in batches of (inputs, labels, trajectories).

    Args:
        windows: All windows.
        samples: How many to take.
        batch: Windows in a batch.

    Raises:
        ArgumentError: If a number is below 1.
    """

    def __init__(self, windows: Windows, *, samples: int, batch: int) -> None:
        for name, value in (("--samples", samples), ("--batch", batch)):
            if value < 1:
                raise ArgumentError(name, expected="at least 1", got=value)
        count = min(samples, len(windows))
        self.windows, self.batch = windows, batch
        self.chosen = torch.linspace(0, len(windows) - 1, count, dtype=torch.float64).round().long().tolist()

    def __len__(self) -> int:
        """Number of windows taken."""
        return len(self.chosen)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for start in range(0, len(self.chosen), self.batch):
            indices = self.chosen[start : start + self.batch]
            pairs = [self.windows[index] for index in indices]
            clusters = torch.tensor([self.windows.where(index)[0] for index in indices])
            yield torch.stack([x for x, _ in pairs]), torch.stack([y for _, y in pairs]), clusters


def field_scale(batches: SpreadWindows, layout: Layout) -> Tensor:
    """Standard deviation of every output field, one number for all its components, so that a group leaves it alone.

    Args:
        batches: The data.
        layout: The channels of the output.
    """
    count, first, second = 0, torch.zeros(layout.channels).double(), torch.zeros(layout.channels).double()
    for _, y, _ in batches:
        values = y.double().movedim(1, 0).flatten(1)
        count += values.shape[1]
        first, second = first + values.sum(1), second + values.square().sum(1)
    variance = (second / count - (first / count).square()).clamp(min=0)
    scale = torch.ones_like(variance)
    for part in layout.slices().values():
        spread = variance[part].mean().sqrt()
        scale[part] = spread if spread > 0 else 1.0
    return scale


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
            if source != place and not axis.like(other):
                raise ArgumentError(
                    "--group",
                    expected="a group that exchanges only axes of the same points and boundaries",
                    got=f"{group}, which exchanges {axis.name} and {other.name}",
                    way_out="use reflections",
                )
        if bool((sign[:, place] < 0).any()):
            if axis.boundary[0] is not axis.boundary[1]:
                ends = " and ".join(end.name for end in axis.boundary)
                raise ArgumentError("--group", expected=f"no reversal of {axis.name}, whose ends are {ends}", got=group)
            if axis.centring == "unknown" and not axis.symmetric:
                raise ArgumentError(
                    "--group", expected=f"no reversal of {axis.name}, whose points are not symmetric", got=group
                )
