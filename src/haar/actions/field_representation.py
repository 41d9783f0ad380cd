"""From a layout to a representation: how channels of scalars, vectors and tensors turn, with internal factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from haar.actions.layout import FieldSpec, Layout
from haar.actions.representation import Determinant, Representation, Space, Trivial, direct_sum, tensor_power
from haar.actions.representation.representation import check_representation
from haar.errors import ArgumentError
from haar.groups import Group
from haar.groups.door import check_group

#: A representation for each of some fields; a tuple of names takes one representation that mixes these neighbours.
Internal = (
    Mapping[str, Representation]
    | Mapping[tuple[str, ...], Representation]
    | Mapping[str | tuple[str, ...], Representation]
)


def field_representation(
    layout: Layout,
    group: Group,
    *,
    internal: Internal | None = None,
    space: Representation | None = None,
) -> Representation:
    """The representation on the channels of a layout: scalars, vectors and tensors of the grid's axes, with parities.

    Args:
        layout: The fields in channel order, with history.
        group: A group that moves a grid of the layout's dimension, or one of internal symmetries that moves none.
        internal: One more factor for some fields: ``{"tracer": sign}`` with a one-dimensional representation, or
            ``{("re", "im"): phase}`` with a representation of dimension 2 that mixes two neighbouring fields of one
            kind. For a group that moves no grid every vector and tensor must be named here.
        space: How vectors turn; by default by the signed permutation of the axes (`Space`). Give ``Defining(group)``
            for rotations by interpolation.

    Raises:
        ArgumentError: If the dimensions differ, or `internal` names an unknown field, fields that are no neighbours or
            differ in kind, or a representation of another group or dimension.

    Example:
        >>> from haar.groups import dihedral
        >>> field_representation(Layout.parse("p, u:vector", history=4), dihedral(4)).dim
        12
    """
    space = _space(layout, group, space)
    blocks = _internal_blocks(layout, group, internal or {})
    named = {name for names in blocks for name in names}
    parts: list[Representation] = []
    for run in _runs(layout, blocks):
        rep = _kind_representation(run[0], layout.dim, group, space, named=run[0].name in named)
        factor = blocks.get(tuple(field.name for field in run))
        if factor is not None:
            rep = factor if isinstance(rep, Trivial) and rep.dim == 1 else factor @ rep
        parts.append(rep)
    return direct_sum(parts)


def _space(layout: Layout, group: Group, space: Representation | None) -> Representation | None:
    """How vectors turn, if they do, checked."""
    check_group("group", group)
    if group.space_dim is not None and group.space_dim != layout.dim:
        raise ArgumentError(
            "group",
            expected=f"a group of a {layout.dim}-dimensional grid",
            got=f"{group.name} of a {group.space_dim}-dimensional one",
        )
    if space is None and group.space_dim is not None:
        return Space(group)
    if space is not None and (space.group is not group or space.dim != layout.dim):
        raise ArgumentError(
            "space", expected=f"a representation of {group.name} of dimension {layout.dim}", got=repr(space)
        )
    return space


def _kind_representation(
    field: FieldSpec, dim: int, group: Group, space: Representation | None, *, named: bool
) -> Representation:
    """How one field turns, its internal factor apart."""
    if space is None:
        if (field.order or field.parity < 0) and not named:
            raise ArgumentError(
                "fields",
                expected=f"scalars, as {group.name} moves no grid",
                got=f"{field.name}, a {field.kind}",
                way_out="name it in internal (Trivial(group) leaves it alone), or use InterpolatedField to rotate it",
            )
        return Trivial(group, field.size(dim))
    rep = tensor_power(space, field.order)
    if field.parity < 0:
        rep = Determinant(space) if field.order == 0 else rep @ Determinant(space)
    return rep


def _internal_blocks(layout: Layout, group: Group, internal: Internal) -> dict[tuple[str, ...], Representation]:
    """Internal factors by the names of the neighbours they mix, checked."""
    known = [field.name for field in layout.fields]
    blocks: dict[tuple[str, ...], Representation] = {}
    for key, rep in internal.items():
        names = (key,) if isinstance(key, str) else tuple(key)
        for name in names:
            if name not in known:
                raise ArgumentError("internal", expected=f"fields among {', '.join(known)}", got=repr(name))
            if any(name in others for others in blocks):
                raise ArgumentError("internal", expected="every field at most once", got=f"{name!r} twice")
        check_representation("internal", rep)
        if rep.group != group or rep.dim != len(names):
            raise ArgumentError(
                "internal",
                expected=f"for {', '.join(names)} a representation of {group.name} of dimension {len(names)}",
                got=repr(rep),
                way_out="make the group once and pass the same object",
            )
        _check_mixed(layout, names)
        blocks[names] = rep
    return blocks


def _check_mixed(layout: Layout, names: tuple[str, ...]) -> None:
    """Fields that are mixed are neighbours of one kind."""
    specs = [layout.field(name) for name in names]
    if len({(field.order, field.parity, field.role) for field in specs}) > 1:
        raise ArgumentError(
            "internal",
            expected="fields of one kind and role to mix",
            got=", ".join(f"{f.name}: {f.kind}" for f in specs),
        )
    side = [field.name for field in (layout.variables if specs[0].role == "variable" else layout.constants)]
    start = side.index(names[0])
    if tuple(side[start : start + len(names)]) != names:
        raise ArgumentError("internal", expected=f"neighbours in the order of {', '.join(side)}", got=", ".join(names))


def _runs(layout: Layout, blocks: Mapping[tuple[str, ...], Representation]) -> list[Sequence[FieldSpec]]:
    """The fields of every block in channel order, those that an internal factor mixes together."""
    mixed = {names[0]: names for names in blocks}
    order = [field for field, _ in layout.blocks()]
    runs: list[Sequence[FieldSpec]] = []
    place = 0
    while place < len(order):
        count = len(mixed.get(order[place].name, (order[place].name,)))
        runs.append(order[place : place + count])
        place += count
    return runs
