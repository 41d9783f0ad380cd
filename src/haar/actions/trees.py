"""Trees of actions beside trees of values: one walk for tuples, lists, named tuples, mappings and dataclasses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from haar.actions.action import Action, RestrictedAction
from haar.actions.field import Field
from haar.actions.vector import Points, Vector
from haar.containers import named_parts, refilled


def action_leaves(actions: Any) -> list[Action]:
    """The actions of a tree, in order."""
    if isinstance(actions, Action):
        return [actions]
    keyed = named_parts(actions)
    return [leaf for part in (actions if keyed is None else keyed.values()) for leaf in action_leaves(part)]


def value_leaves(actions: Any, values: Any) -> list[Any]:
    """The values that stand where the actions stand, in the order of `action_leaves`."""
    if isinstance(actions, Action):
        return [values]
    if isinstance(actions, (tuple, list)):
        return [leaf for a, v in zip(actions, values, strict=True) for leaf in value_leaves(a, v)]
    keyed = _keyed(actions)
    return [leaf for key, part in keyed.items() for leaf in value_leaves(part, _part(values, key))]


def rebuild(actions: Any, like: Any, leaves: Sequence[Any]) -> Any:
    """The containers of `like`, of their own type and order, around new leaves in the order of `action_leaves`."""
    queue = iter(leaves)

    def walk(tree: Any, value: Any) -> Any:
        if isinstance(tree, Action):
            return next(queue)
        if isinstance(tree, (tuple, list)):
            walked = [walk(t, v) for t, v in zip(tree, value, strict=True)]
            return type(value)(*walked) if hasattr(value, "_fields") else type(value)(walked)
        return refilled(value, {key: walk(part, _part(value, key)) for key, part in _keyed(tree).items()})

    return walk(actions, like)


def map_values(function: Callable[..., Any], actions: Any, first: Any, *others: Any) -> Any:
    """Apply a function to the tensors of one or several trees of the same structure; numbers pass from the first."""
    rows = zip(*(value_leaves(actions, tree) for tree in (first, *others)), strict=True)
    return rebuild(actions, first, [function(*row) if isinstance(row[0], Tensor) else row[0] for row in rows])


def unrestricted(action: Action) -> Action:
    """The action of the whole group behind a restriction to a subgroup."""
    while isinstance(action, RestrictedAction):
        action = action.action
    return action


def own_axes(action: Action) -> int | None:
    """How many axes, counted from the end, an action works on; the others count samples. None where it is not known."""
    action = unrestricted(action)
    if isinstance(action, Field):
        return action.dim + (action.channels is not None)
    if isinstance(action, Points):
        return 2
    if isinstance(action, Vector):
        return -action.axis
    return None


def _keyed(actions: Any) -> Mapping[Any, Any]:
    return actions if isinstance(actions, Mapping) else named_parts(actions) or {}


def _part(values: Any, key: Any) -> Any:
    return values[key] if isinstance(values, Mapping) else getattr(values, key)
