"""Trees of actions beside trees of values: one walk for tuples, lists, named tuples and dicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from haar.actions import Action, Field, Points, Vector
from haar.actions.action import RestrictedAction


def action_leaves(actions: Any) -> list[Action]:
    """The actions of a tree, in order."""
    if isinstance(actions, Action):
        return [actions]
    parts = actions.values() if isinstance(actions, Mapping) else actions
    return [leaf for part in parts for leaf in action_leaves(part)]


def value_leaves(actions: Any, values: Any) -> list[Any]:
    """The values that stand where the actions stand, in the order of `action_leaves`."""
    if isinstance(actions, Action):
        return [values]
    if isinstance(actions, Mapping):
        return [leaf for key in actions for leaf in value_leaves(actions[key], values[key])]
    return [leaf for a, v in zip(actions, values, strict=True) for leaf in value_leaves(a, v)]


def rebuild(actions: Any, like: Any, leaves: Sequence[Any]) -> Any:
    """The containers of `like` around new leaves, given in the order of `action_leaves`."""
    queue = iter(leaves)

    def walk(tree: Any, value: Any) -> Any:
        if isinstance(tree, Action):
            return next(queue)
        if isinstance(tree, Mapping):
            return {key: walk(tree[key], value[key]) for key in tree}
        walked = [walk(t, v) for t, v in zip(tree, value, strict=True)]
        return type(value)(*walked) if hasattr(value, "_fields") else type(value)(walked)

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
