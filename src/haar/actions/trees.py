"""Trees of actions beside trees of values: one walk, whose misfits are named by their path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from haar.actions.action import Action
from haar.actions.edges import Edges
from haar.containers import is_graph, is_record, parts_of, refilled
from haar.errors import ShapeError


def action_leaves(actions: Any) -> list[Action]:
    """The actions of a tree, in order."""
    if isinstance(actions, Action):
        return [actions]
    return [leaf for part in _parts(actions).values() for leaf in action_leaves(part)]


def paths(tree: Any, name: str) -> list[tuple[str, Any]]:
    """The leaves of a tree of actions, in order, with their paths: ``inputs[0]['u']``.

    Example:
        >>> paths({"u": 1, "v": (2, 3)}, "outputs")
        [("outputs['u']", 1), ("outputs['v'][0]", 2), ("outputs['v'][1]", 3)]
    """
    parts = None if isinstance(tree, Action) else parts_of(tree)
    if parts is None:
        return [(name, tree)]
    return [leaf for key, part in parts.items() for leaf in paths(part, f"{name}[{key!r}]")]


def value_leaves(actions: Any, values: Any, name: str = "values") -> list[Any]:
    """The values that stand where the actions stand, in the order of `action_leaves`.

    Raises:
        ShapeError: If the values have not the structure of the actions; the message names the path.
    """
    if isinstance(actions, Action):
        return [values]
    return [leaf for _, *beside in _beside(actions, values, name) for leaf in value_leaves(*beside)]


def rebuild(actions: Any, like: Any, leaves: Sequence[Any]) -> Any:
    """The containers of `like`, of their own type and order, around new leaves in the order of `action_leaves`."""
    return _refilled_in_turn(actions, like, "values", iter(leaves))


def _refilled_in_turn(tree: Any, value: Any, name: str, queue: Iterator[Any]) -> Any:
    # not inside `rebuild`: a function that calls itself by its own closure would keep the leaves until a collection
    if isinstance(tree, Action):
        return next(queue)
    beside = _beside(tree, value, name)
    return refilled(value, {key: _refilled_in_turn(part, own, place, queue) for key, part, own, place in beside})


def map_values(function: Callable[..., Any], actions: Any, first: Any, *others: Any) -> Any:
    """Apply a function to the tensors of one or several trees of the same structure; numbers pass from the first."""
    rows = zip(*(value_leaves(actions, tree) for tree in (first, *others)), strict=True)
    return rebuild(actions, first, [function(*row) if isinstance(row[0], Tensor) else row[0] for row in rows])


def map_named(function: Callable[[Action, Any, str], Any], actions: Any, values: Any, name: str) -> Any:
    """Apply a function of action, value and path to every leaf, in the containers of the values.

    Raises:
        ShapeError: If the values have not the structure of the actions; the message names the path.
    """
    if isinstance(actions, Action):
        return function(actions, values, name)
    rows = _beside(actions, values, name)
    return refilled(values, {key: map_named(function, *beside) for key, *beside in rows})


def map_actions(function: Callable[[Action], Any], tree: Any) -> Any:
    """Apply a function to every action, in the containers of the tree."""
    if isinstance(tree, Action):
        return function(tree)
    return refilled(tree, {key: map_actions(function, part) for key, part in _parts(tree).items()})


def _parts(actions: Any) -> dict[Any, Any]:
    return parts_of(actions) or {}


def _beside(actions: Any, values: Any, name: str) -> list[tuple[Any, Any, Any, str]]:
    """Key, action, value and path of every part, in the order of the actions."""
    listed = isinstance(actions, (tuple, list))
    if listed and isinstance(values, (tuple, list)) and len(values) == len(actions):
        return [(k, *pair, f"{name}[{k}]") for k, pair in enumerate(zip(actions, values, strict=True))]
    wanted = _parts(actions)
    parts = _told(values, wanted) if isinstance(values, (tuple, list)) is listed else None
    if parts is not None and not listed and parts.keys() == wanted.keys():
        return [(key, action, parts[key], f"{name}[{key!r}]") for key, action in wanted.items()]
    raise _misfit(name, wanted, type(values).__name__ if parts is None else parts, listed=listed)


def _told(values: Any, wanted: dict[Any, Any]) -> dict[Any, Any] | None:
    """The parts of a value, without those that need no action.

    These are fields that a model leaves empty, and of a graph what holds no real numbers (edges, batches, kinds of
    atoms), and its label. Where nodes are renumbered, all but its masks and batches counts.
    """
    parts = parts_of(values)
    if parts is not None and is_graph(values):
        renumbered = any(isinstance(action, Edges) for action in wanted.values())
        counts = _is_told_of_nodes if renumbered else _is_real
        return {key: part for key, part in parts.items() if key in wanted or (key != "y" and counts(part, key))}
    if parts is None or not is_record(values):
        return parts
    return {key: part for key, part in parts.items() if key in wanted or part is not None}


def _is_told_of_nodes(value: Any, key: Any) -> bool:
    """Whether what a graph holds may say something of single nodes, or of edges by the numbers of their ends."""
    return isinstance(value, Tensor) and value.dtype != torch.bool and key not in ("batch", "ptr")


def _is_real(value: Any, key: Any) -> bool:
    del key
    return isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex())


def _misfit(name: str, wanted: dict[Any, Any], came: dict[Any, Any] | str, *, listed: bool) -> ShapeError:
    """What came is the parts of another container of the kind, or the name of another kind."""
    if not listed:
        got = came if isinstance(came, str) else sorted(map(str, came))
        expected = f"a dict with {sorted(map(str, wanted))}"
        more = [] if isinstance(came, str) else [str(key) for key in came if key not in wanted]
        way_out = f"give every part its action, {', '.join(more)} too" if more else ""
        return ShapeError(name, expected=expected, got=got, way_out=way_out)
    counted = f"{len(wanted)} values, one for each action"
    if isinstance(came, str):
        return ShapeError(name, expected=f"a tuple of {counted}", got=came)
    return ShapeError(name, expected=counted, got=len(came))
