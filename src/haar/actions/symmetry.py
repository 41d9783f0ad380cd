"""Symmetry: a group and how it acts on what goes into a model and on what comes out. What every verb takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from haar.actions.action import Action
from haar.actions.field import Field
from haar.actions.field_representation import Internal, field_representation
from haar.actions.interpolated import InterpolatedField
from haar.actions.layout import Fields, Layout
from haar.actions.leaf_check import check_leaf, check_value
from haar.actions.of_atoms import atoms_actions, mirrored
from haar.actions.of_graph import graph_actions
from haar.actions.representation import Defining
from haar.actions.trees import action_leaves, map_actions, map_named, paths
from haar.containers import parts_of
from haar.errors import ArgumentError, ShapeError, known_keywords
from haar.groups import Group, Subgroup, symmetric
from haar.groups.door import check_group, constructor_of
from haar.groups.names import named_group


class Symmetry:
    """A group with its actions on a model's inputs and outputs.

    Args:
        group: The group that acts on both sides.
        inputs: An action for a model of one input; a tuple or list of actions for ``model(*args)``; or any nesting of
            tuples, lists, namedtuples, dicts and dataclasses of actions that mirrors the arguments.
        outputs: An action, or a nesting of actions that mirrors what the model returns. A dict of actions also stands
            beside other mappings with its keys, and beside a dataclass with its fields.

    Raises:
        ArgumentError: If a leaf is no action, acts through another group, or fields on one grid differ in centring or
            periodicity.

    Example:
        >>> from haar.actions import Field, Space
        >>> from haar.groups import dihedral
        >>> D4 = dihedral(4)
        >>> Symmetry(D4, inputs=Field(Space(D4)), outputs=Field(Space(D4)))
        <Symmetry D4: Field -> Field>
    """

    @known_keywords
    def __init__(self, group: Group, inputs: Any, outputs: Any) -> None:
        check_group("group", group)
        self.group = group
        self.inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        self.outputs = outputs
        for name, tree in (("inputs", self.inputs), ("outputs", outputs)):
            for path, leaf in paths(tree, name):
                check_leaf(leaf, group, path)
        self._check_grids()

    @property
    def approximate(self) -> bool:
        """Whether some action is only approximate (interpolated)."""
        return any(leaf.approximate for leaf in self._leaves())

    def check_inputs(self, args: Sequence[Any]) -> None:
        """Raise a `ShapeError` naming the argument that does not fit."""
        self._told("check_inputs", check_value, tuple(args))

    def check_outputs(self, y: Any) -> None:
        """Raise a `ShapeError` naming the output that does not fit."""
        self._told("check_outputs", check_value, y)

    def map_inputs(self, function: Callable[[Action, Any], Any], args: Sequence[Any]) -> tuple[Any, ...]:
        """Apply a function of (action, tensor) to every input; what is no tensor stays as it is."""
        return tuple(map_named(_on_tensors(function), self.inputs, tuple(args), "inputs"))

    def map_outputs(self, function: Callable[[Action, Any], Any], y: Any) -> Any:
        """Apply a function of (action, tensor) to every output; what is no tensor stays as it is."""
        return map_named(_on_tensors(function), self.outputs, y, "output")

    def act_inputs(self, g: Tensor, args: Sequence[Any]) -> tuple[Any, ...]:
        """Move all inputs by one element, or by one element a sample."""
        visit = _on_tensors(lambda action, x: action.act(g, x))
        return tuple(self._told("act_inputs", visit, tuple(args)))

    def act_outputs(self, g: Tensor, y: Any) -> Any:
        """Move all outputs by one element, or by one element a sample."""
        return self._told("act_outputs", _on_tensors(lambda action, x: action.act(g, x)), y)

    def linear(self) -> Symmetry:
        """The same with the linear part of every output action: for models that predict differences."""
        return Symmetry(self.group, self.inputs, map_actions(lambda action: action.linear(), self.outputs))

    def restrict(self, subgroup: Subgroup) -> Symmetry:
        """The same actions for a subgroup.

        Raises:
            ArgumentError: If it is no subgroup of this symmetry's group.

        Example:
            >>> from haar.groups import dihedral
            >>> symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
            >>> symmetry.restrict(symmetry.group.subgroup([2], "C2")).group.order
            2
        """
        sides = [map_actions(lambda action: action.restrict(subgroup), side) for side in (self.inputs, self.outputs)]
        return Symmetry(subgroup, *sides)

    @classmethod
    @known_keywords
    def of_fields(
        cls,
        group: Group | str,
        fields: str | Fields,
        *,
        dim: int | None = None,
        history: int = 1,
        outputs: str | Fields | None = None,
        internal: Internal | None = None,
        centring: str | Sequence[str] = "cell",
        periodic: bool | Sequence[bool] = True,
        channels: str = "first",
        interpolate: str | None = None,
    ) -> Symmetry:
        """The symmetry of a surrogate model: ``history`` states of some fields in, the next state out.

        Args:
            group: A group that moves a grid, a group of internal symmetries, or (with `interpolate`) of rotations; or
                its name: ``"D4"``, ``"C4"``, ``"Oh"``, ``"SO3"``, ``"reflections:2"``.
            fields: ``"density, velocity:vector, mask:scalar:constant"``; or the same as a list of names with kinds or
                of specifications, or as ``{"density": "scalar", "velocity": "vector"}``; in channel order.
            dim: Number of space axes; by default the group's.
            history: Time steps stacked on the input's channels (time slowest).
            outputs: Fields of the output, once; by default the variable fields.
            internal: More factors for some fields of input or output, see `field_representation`.
            centring: ``"cell"`` or ``"node"``, for all axes or for each, see `Field`.
            periodic: Along which axes the grid is periodic.
            channels: ``"first"`` or ``"last"``.
            interpolate: ``"linear"``, ``"cubic"`` or ``"nearest"`` to rotate by any angle about the middle of the array
                (`InterpolatedField`), whose ends are not joined, whatever `periodic` says.

        Raises:
            ArgumentError: If the group does not fit the grid, a kind is unknown, `internal` names a field of neither
                side, or a field of the output differs in kind from the same field of the input.

        Example:
            >>> from haar.groups import dihedral
            >>> symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector", history=4)
            >>> symmetry.inputs[0].rep.dim, symmetry.outputs.rep.dim
            (12, 3)
            >>> Symmetry.of_fields("D4", {"tracer": "scalar", "velocity": "vector"}).group == symmetry.group
            True
        """
        group = _group_of_name(group, dim) if isinstance(group, str) else group
        check_group("group", group)
        size = dim if dim is not None else group.space_dim
        if interpolate is not None and size is None:
            size = group.defining_dim
        if size is None:
            raise ArgumentError(
                "dim",
                expected="the number of space axes",
                got=f"none, and {group.name} moves no grid",
                way_out="give dim",
            )
        if interpolate is not None and centring != "cell":
            raise ArgumentError(
                "centring",
                expected="'cell' with interpolate: rotations are about the middle of the array",
                got=repr(centring),
                way_out="a grid with both ends stored is 'cell'; a periodic one of nodes has no middle to turn about",
            )
        if channels not in ("first", "last"):
            raise ArgumentError("channels", expected="'first' or 'last'", got=repr(channels))
        layout_in = Layout.parse(fields, dim=size, history=history)
        layout_out = layout_in.output() if outputs is None else Layout.parse(outputs, dim=size)
        _check_same_kinds(layout_in, layout_out)
        factors = _internal_of_sides(internal or {}, layout_in, layout_out)
        sides: list[Action] = []
        for layout, own in zip((layout_in, layout_out), factors, strict=True):
            if interpolate is None:
                sides.append(
                    Field.of_layout(
                        layout, group, internal=own, centring=centring, periodic=periodic, channels=channels
                    )
                )
            else:
                rep = field_representation(layout, group, internal=own, space=Defining(group))
                turned = InterpolatedField(rep, mode=interpolate, channels=channels, dim=size)
                turned.layout = layout
                sides.append(turned)
        return cls(group, *sides)

    @classmethod
    @known_keywords
    def of_atoms(
        cls,
        group: Group | str = "O3",
        *,
        inputs: str | Sequence[str] = "positions:vector, numbers",
        outputs: str | Sequence[str] = "energy",
        graph: bool = False,
    ) -> Symmetry:
        """The symmetry of a force field, or of another model of atoms.

        Args:
            group: Rotations of space, with or without reflections; or its name: ``"O3"``, ``"SO3"``, ``"Oh"``,
                ``"inversion"``.
            inputs: The model's arguments in order, or with `graph` what its graph holds, each with its kind: scalar,
                vector, pseudovector or tensor. Names that the field knows have theirs: positions, cell (three rows) and
                forces are vectors, stress is a tensor. Others are scalars: what nothing turns.
            outputs: Likewise what it returns: one tensor, a dict for a text of several names, a tuple for a list.
            graph: Whether the model takes one graph, mapping or dataclass with these names.

        Raises:
            ArgumentError: If the group turns no space, or a kind is unknown.

        Example:
            >>> Symmetry.of_atoms("O3", outputs="energy, forces:vector, stress:tensor")
            <Symmetry O(3): Points, Invariant -> Invariant, Points, Bilinear>
        """
        group = _group_of_name(group, None) if isinstance(group, str) else group
        check_group("group", group)
        if group.defining_dim not in (2, 3):
            raise ArgumentError("group", expected="a group of rotations of space, such as O3", got=group.name)
        given = atoms_actions(group, inputs, "inputs")
        sides = (given,) if graph else tuple(given.values())
        return cls(group, sides, mirrored(outputs, atoms_actions(group, outputs, "outputs")))

    @classmethod
    @known_keywords
    def of_graph(
        cls,
        group: Group | int,
        *,
        inputs: str | Sequence[str] = "x, edge_index",
        outputs: str | Sequence[str] = "nodes",
        graph: bool = False,
    ) -> Symmetry:
        """The symmetry of a model of graphs: the order in which nodes are listed says nothing.

        Args:
            group: The number of nodes, of which every order is one; or a group of permutations of them.
            inputs: The model's arguments in order, or with `graph` what its graph holds, each with its kind: nodes
                (rows of features), numbers (one a node), edges (pairs of node numbers, (2, edges)), pairs (a matrix),
                or graph (nothing moves it, nor what belongs to edges in their order). Names as PyTorch Geometric has
                them, x, pos, z, edge_index, edge_attr, edge_weight, have theirs.
            outputs: Likewise what it returns: one tensor, a dict for a text of several names, a tuple for a list.
            graph: Whether the model takes one graph, mapping or dataclass with these names.

        Raises:
            ArgumentError: If the group permutes no nodes, or a kind is unknown.

        Example:
            >>> Symmetry.of_graph(12, outputs="graph")
            <Symmetry S12: Points, Edges -> Invariant>
        """
        group = symmetric(group) if isinstance(group, int) else group
        check_group("group", group)
        given = graph_actions(group, inputs, "inputs")
        sides = (given,) if graph else tuple(given.values())
        return cls(group, sides, mirrored(outputs, graph_actions(group, outputs, "outputs")))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and words, from which `load` makes it again; see `haar.actions.saved`.

        Raises:
            ArgumentError: If some part is of a kind that a file cannot hold.
        """
        return Saved.told(self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Symmetry:
        """Read a symmetry that ``haar.discover(...).save(path)`` wrote; nothing is unpickled.

        Raises:
            DataError: If the file is missing, of another schema, or holds matrices that are no homomorphism.
        """
        return Saved.load(path)

    def _leaves(self) -> list[Action]:
        return action_leaves((self.inputs, self.outputs))

    def _told(self, operation: str, visit: Callable[[Action, Any, str], Any], values: Any) -> Any:
        """Walk one side; a wrong call is told once, with the symmetry, the place and what was given."""
        actions, name = (self.inputs, "inputs") if operation.endswith("inputs") else (self.outputs, "output")

        def call() -> str:
            return f"{operation} of {self!r}, given {_given(values)}"

        def named(action: Action, x: Any, path: str) -> Any:
            try:
                return visit(action, x, path)
            except ArgumentError as error:
                error.in_call(path if error.argument == "x" else error.argument, call())
                raise

        try:
            return map_named(named, actions, values, name)
        except ShapeError as error:  # another structure
            error.in_call(error.argument, call())
            raise

    def _check_grids(self) -> None:
        """Fields of one symmetry share one grid: a reversal must mean the same for all of them."""
        seen: list[tuple[str, Field]] = []
        for name, tree in (("inputs", self.inputs), ("outputs", self.outputs)):
            seen += [(path, leaf) for path, leaf in paths(tree, name) if isinstance(leaf, Field)]
        if self.group.space_dim is None:
            return
        for path, field in seen[1:]:
            first, other = seen[0]
            if field.dim == other.dim and (field.centring, field.periodic) != (other.centring, other.periodic):
                raise ArgumentError(
                    path,
                    expected=f"a {other.centring}-centred grid with periodic={other.periodic}, like {first}",
                    got=f"{field.centring}-centred with periodic={field.periodic}",
                    way_out="collocate the fields first",
                )

    def __repr__(self) -> str:
        sides = [", ".join(type(leaf).__name__ for _, leaf in paths(side, "")) for side in (self.inputs, self.outputs)]
        return f"<Symmetry {self.group.name}: {sides[0]} -> {sides[1]}>"


class Saved:
    """How a symmetry is written and read: the file that defines it puts it here, so that none imports back."""

    told: Callable[[Symmetry], dict[str, Any]]
    load: Callable[[str | os.PathLike[str]], Symmetry]


def _group_of_name(name: str, dim: int | None) -> Group:
    """A group in words; of a name that the catalogue has in code alone, the call."""
    try:
        return named_group(name if name != "reflections" or dim is None else f"reflections:{dim}")
    except ArgumentError as error:
        raise ArgumentError(
            "group", expected=f"a haar.groups.Group, or {error.expected}", got=error.got, way_out=constructor_of(name)
        ) from error


def _check_same_kinds(layout_in: Layout, layout_out: Layout) -> None:
    kinds = {field.name: field.kind for field in layout_in.fields}
    for field in layout_out.fields:
        if kinds.get(field.name, field.kind) != field.kind:
            raise ArgumentError(
                "outputs", expected=f"{field.name} as a {kinds[field.name]}, as in fields", got=f"a {field.kind}"
            )


def _internal_of_sides(internal: Internal, *layouts: Layout) -> list[dict[str | tuple[str, ...], Any]]:
    """The internal factors of the fields that each layout has; a name that none has is refused."""
    sides: list[dict[str | tuple[str, ...], Any]] = [{} for _ in layouts]
    names = [{field.name for field in layout.fields} for layout in layouts]
    for key, rep in internal.items():
        mixed = {key} if isinstance(key, str) else set(key)
        fitting = [side for side, known in zip(sides, names, strict=True) if mixed <= known]
        if not fitting:
            known = ", ".join(dict.fromkeys(field.name for layout in layouts for field in layout.fields))
            raise ArgumentError("internal", expected=f"fields among {known}", got=repr(key))
        for side in fitting:
            side[key] = rep
    return sides


def _given(values: Any) -> str:
    """Shapes and dtypes in the values' own containers."""
    if isinstance(values, Tensor):
        return f"{str(values.dtype).removeprefix('torch.')} {tuple(values.shape)}"
    parts = parts_of(values)
    if parts is None:
        return "None" if values is None else type(values).__name__
    listed = isinstance(values, (tuple, list))
    inside = ", ".join(_given(part) if listed else f"{key}: {_given(part)}" for key, part in parts.items())
    return f"[{inside}]"


def _on_tensors(function: Callable[[Action, Any], Any]) -> Callable[[Action, Any, str], Any]:
    def visit(action: Action, x: Any, name: str) -> Any:
        if isinstance(x, Tensor):
            return function(action, x)
        check_value(action, x, name)
        return x

    return visit
