"""What stands in a symmetry where an action is expected."""

from __future__ import annotations

from typing import Any

from haar.actions.action import Action
from haar.actions.layout import FieldSpec, Layout
from haar.actions.representation import Representation
from haar.errors import ArgumentError
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
