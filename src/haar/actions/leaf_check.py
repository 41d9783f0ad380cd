"""What stands in a symmetry where an action is expected, and beside an action where a tensor is."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from haar.actions.action import Action, Invariant
from haar.actions.layout import FieldSpec, Layout
from haar.actions.representation import Representation
from haar.containers import parts_of
from haar.errors import ArgumentError, ShapeError
from haar.groups import Group


def check_leaf(leaf: Any, group: Group, path: str) -> None:
    """Refuse what is no action of a group.

    Args:
        leaf: What stands there.
        group: The symmetry's.
        path: Where it stands.

    Raises:
        ArgumentError: If it is something else, or an action of another group; with what makes an action of it.
    """
    if not isinstance(leaf, Action):
        raise ArgumentError(
            path,
            expected="an action (Field, Vector, Points, Invariant, ...)",
            got=repr(leaf) if len(repr(leaf)) <= 80 else type(leaf).__name__,
            way_out=_action_hint(leaf),
        )
    if leaf.group != group:
        raise ArgumentError(
            path,
            expected=f"an action of the same group object, {group.name}",
            got=f"{type(leaf).__name__} of {leaf.group.name}",
            way_out="make the group once and pass the same object to every action",
        )


def _action_hint(leaf: Any) -> str:
    """How what came becomes an action."""
    if isinstance(leaf, Representation):
        return "a representation acts by Vector(rep) on an axis, by Field(rep) on channels of a grid"
    if isinstance(leaf, type) and issubclass(leaf, Action):
        return f"make one: {leaf.__name__}(...)"
    if leaf is None:
        return "what nothing moves is Invariant(group)"
    if isinstance(leaf, (str, FieldSpec, Layout)):
        return "fields by their names: Symmetry.of_fields"
    return ""


def check_value(action: Action, x: Any, name: str) -> None:
    """Refuse what an action cannot move.

    Args:
        action: The action.
        x: What stands in the place of a tensor.
        name: Where it stands.

    Raises:
        ShapeError: If it is no tensor that the action fits; numbers and texts are left alone where nothing moves them.
    """
    if isinstance(x, Tensor):
        action.check(x, name)
    elif not isinstance(action, Invariant):
        raise ShapeError(
            name,
            expected=f"a tensor for {type(action).__name__}",
            got=type(x).__name__,
            way_out=_tensor_hint(action, x),
        )


def _tensor_hint(action: Action, x: Any) -> str:
    """How what stands in a tensor's place gets its actions."""
    if hasattr(x, "__array__"):
        return "torch.as_tensor(...) makes one of it"
    names = list(parts_of(x) or {})
    if not names:
        return "give it the action Invariant if nothing moves it"
    kind = type(action).__name__
    inside = ", ".join(f"{name!r}: {kind}(...)" for name in names[:3]) + ", ..." * (len(names) > 3)
    listed = ", ".join([f"{kind}(...)"] * len(names)) + "," * (len(names) == 1)
    mirrored = f"({listed})" if isinstance(x, (tuple, list)) else f"{{{inside}}}"
    return f"the symmetry's actions stand as its parts do, {mirrored}; or give a function that returns the one meant"
