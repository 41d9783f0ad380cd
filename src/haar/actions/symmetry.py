"""Symmetry: a group and how it acts on what goes into a model and on what comes out. The one argument every verb takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from haar.actions.action import Action
from haar.actions.field import Field, field_representation
from haar.actions.layout import FieldSpec, Layout
from haar.actions.representation import Representation, Trivial
from haar.errors import ArgumentError, ShapeError
from haar.groups import Group, Subgroup


class Symmetry:
    """A group with its actions on a model's inputs and outputs.

    Args:
        group: The group.
        inputs: An action for a model of one input; a tuple or list of actions for ``model(*args)``; or any nesting of
            tuples, lists and dicts of actions that mirrors the arguments.
        outputs: An action, or a nesting of actions that mirrors what the model returns.

    Raises:
        ArgumentError: If a leaf is no action or acts through another group.

    Example:
        >>> from haar.actions import Field, Space
        >>> from haar.groups import dihedral
        >>> D4 = dihedral(4)
        >>> Symmetry(D4, inputs=Field(Space(D4)), outputs=Field(Space(D4)))
        <Symmetry D4: Field -> Field>
    """

    def __init__(self, group: Group, inputs: Any, outputs: Any) -> None:
        self.group = group
        self.inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        self.outputs = outputs
        for name, tree in (("inputs", self.inputs), ("outputs", outputs)):
            for leaf in _leaves(tree):
                if not isinstance(leaf, Action):
                    raise ArgumentError(name, expected="actions (Vector, Field, Points, Invariant, ...)", got=repr(leaf))
                if leaf.group is not group:
                    raise ArgumentError(
                        name,
                        expected=f"actions of one group object, {group.name}",
                        got=f"{type(leaf).__name__} of {leaf.group.name}",
                        way_out="make the group once and pass the same object to every action",
                    )

    @property
    def approximate(self) -> bool:
        """Whether some action is only approximate (interpolated)."""
        return any(leaf.approximate for leaf in _leaves((self.inputs, self.outputs)))

    def check_inputs(self, args: Sequence[Any]) -> None:
        """Raise a `ShapeError` naming the argument that does not fit."""
        self._zip(self.inputs, tuple(args), "inputs", lambda action, x, name: action.check(x, name))

    def check_outputs(self, y: Any) -> None:
        """Raise a `ShapeError` naming the output that does not fit."""
        self._zip(self.outputs, y, "output", lambda action, x, name: action.check(x, name))

    def map_inputs(self, function: Callable[[Action, Any], Any], args: Sequence[Any]) -> tuple[Any, ...]:
        """Apply a function of (action, tensor) to every input."""
        return tuple(self._zip(self.inputs, tuple(args), "inputs", lambda action, x, _: function(action, x)))

    def map_outputs(self, function: Callable[[Action, Any], Any], y: Any) -> Any:
        """Apply a function of (action, tensor) to every output."""
        return self._zip(self.outputs, y, "output", lambda action, x, _: function(action, x))

    def act_inputs(self, g: Tensor, args: Sequence[Any]) -> tuple[Any, ...]:
        """Move all inputs by one element, or by one element a sample."""
        return self.map_inputs(lambda action, x: action.act(g, x), args)

    def act_outputs(self, g: Tensor, y: Any) -> Any:
        """Move all outputs by one element, or by one element a sample."""
        return self.map_outputs(lambda action, x: action.act(g, x), y)

    def linear(self) -> Symmetry:
        """The same with the linear part of every output action: for models that predict differences."""
        outputs = pytree.tree_map(lambda a: a.linear(), self.outputs, is_leaf=_is_action)
        return Symmetry(self.group, self.inputs, outputs)

    def restrict(self, subgroup: Subgroup) -> Symmetry:
        """The same actions for a subgroup.

        Example:
            >>> from haar.groups import dihedral
            >>> symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
            >>> symmetry.restrict(symmetry.group.subgroup([2], "C2")).group.order
            2
        """
        restricted = pytree.tree_map(lambda a: a.restrict(subgroup), (self.inputs, self.outputs), is_leaf=_is_action)
        return Symmetry(subgroup, *restricted)

    @classmethod
    def of_fields(
        cls,
        group: Group,
        fields: str | Iterable[FieldSpec],
        *,
        dim: int | None = None,
        history: int = 1,
        outputs: str | Iterable[FieldSpec] | None = None,
        internal: Mapping[str, Representation] | None = None,
        centring: Literal["cell", "node"] = "cell",
        periodic: bool | Sequence[bool] = True,
        channels: Literal["first", "last"] = "first",
    ) -> Symmetry:
        """The symmetry of a surrogate model: ``history`` states of some fields in, the next state out.

        Args:
            group: A group that moves a grid.
            fields: ``"density, velocity:vector, mask:scalar:constant"`` or specifications, in channel order.
            dim: Number of space axes; by default the group's.
            history: Time steps stacked on the input's channels (time slowest).
            outputs: Fields of the output; by default the variable fields once.
            internal: One more one-dimensional factor for some fields, see `field_representation`.
            centring: ``"cell"`` or ``"node"``, see `Field`.
            periodic: Along which axes a node grid is periodic.
            channels: ``"first"`` or ``"last"``.

        Example:
            >>> from haar.groups import dihedral
            >>> symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector", history=4)
            >>> symmetry.inputs[0].rep.dim, symmetry.outputs.rep.dim
            (12, 3)
        """
        size = dim if dim is not None else group.space_dim
        if size is None:
            raise ArgumentError("dim", expected="the number of space axes", got=f"none, and {group.name} moves no grid")
        layout_in = Layout.parse(fields, dim=size, history=history)
        layout_out = layout_in.output() if outputs is None else Layout.parse(outputs, dim=size)
        sides = []
        for layout in (layout_in, layout_out):
            names = {field.name for field in layout.fields}
            factors = {name: rep for name, rep in (internal or {}).items() if name in names or layout is layout_in}
            rep = field_representation(layout, group, internal=factors)
            sides.append(Field(rep, centring=centring, periodic=periodic, channels=channels, space_dim=size))
        return cls(group, *sides)

    def _zip(self, actions: Any, values: Any, name: str, visit: Callable[[Action, Any, str], Any]) -> Any:
        """Walk the tree of actions beside the tree of values, so that a misfit is named by its path."""
        if isinstance(actions, Action):
            if not isinstance(values, Tensor):
                if isinstance(values, (int, float)):  # a plain number can only be left alone
                    return values
                raise ShapeError(name, expected=f"a tensor for {type(actions).__name__}", got=type(values).__name__)
            return visit(actions, values, name)
        if isinstance(actions, Mapping):
            if not isinstance(values, Mapping) or set(values) != set(actions):
                got = sorted(values) if isinstance(values, Mapping) else type(values).__name__
                raise ShapeError(name, expected=f"a dict with {sorted(actions)}", got=got)
            return {key: self._zip(actions[key], values[key], f"{name}[{key!r}]", visit) for key in values}
        if not isinstance(values, (tuple, list)) or len(values) != len(actions):
            got = len(values) if isinstance(values, (tuple, list)) else type(values).__name__
            raise ShapeError(name, expected=f"{len(actions)} values, one for each action", got=got)
        walked = [self._zip(a, v, f"{name}[{k}]", visit) for k, (a, v) in enumerate(zip(actions, values, strict=True))]
        return type(values)(*walked) if hasattr(values, "_fields") else type(values)(walked)

    def __repr__(self) -> str:
        sides = [", ".join(type(leaf).__name__ for leaf in _leaves(side)) for side in (self.inputs, self.outputs)]
        return f"<Symmetry {self.group.name}: {sides[0]} -> {sides[1]}>"


def _is_action(node: Any) -> bool:
    return isinstance(node, Action)


def _leaves(tree: Any) -> list[Any]:
    leaves: list[Any] = pytree.tree_leaves(tree, is_leaf=_is_action)
    return leaves
