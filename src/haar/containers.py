"""Containers as models take and return them: their parts, and the same container around other parts."""

from __future__ import annotations

import copy
import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree


def is_record(value: Any) -> bool:
    """Whether a value is a dataclass whose parts are its fields."""
    return (
        dataclasses.is_dataclass(value)
        and not isinstance(value, type)
        and not isinstance(value, (Mapping, tuple, list, Tensor))
    )


def is_graph(value: Any) -> bool:
    """Whether a value is a graph, or a batch of graphs of one kind, as PyTorch Geometric has it (not imported here)."""
    kinds = type(value).__mro__
    return any(kind.__module__ == "torch_geometric.data.data" and kind.__name__ == "Data" for kind in kinds)


def named_parts(value: Any) -> dict[Any, Any] | None:
    """The parts of a mapping by key, of a dataclass by field, of a graph by attribute; None for anything else.

    Example:
        >>> named_parts({"energy": 1.0}), named_parts((1.0,))
        ({'energy': 1.0}, None)
    """
    if isinstance(value, Mapping):
        return dict(value.items())
    if is_record(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if is_graph(value):
        return dict(value.to_dict())
    return None


def parts_of(value: Any) -> dict[Any, Any] | None:
    """The parts of any container that is known, by key, field or place; None for a leaf.

    Known are mappings, dataclasses, graphs, tuples and lists, and what torch's pytrees have been taught.

    Example:
        >>> parts_of(["a", "b"]), parts_of("ab")
        ({0: 'a', 1: 'b'}, None)
    """
    if isinstance(value, (tuple, list)):
        return dict(enumerate(value))
    parts = named_parts(value)
    if parts is None and type(value) in pytree.SUPPORTED_NODES:
        return dict(enumerate(pytree.SUPPORTED_NODES[type(value)].flatten_fn(value)[0]))
    return parts


def refilled(value: Any, parts: Mapping[Any, Any]) -> Any:
    """A container of the same type, order and attributes around other parts; no constructor of a mapping runs.

    Attributes that hold a part beside the mapping's item, as outputs of language models do, hold the new one.

    Args:
        value: The container; it is not changed.
        parts: New parts for some of its keys, fields or places.

    Example:
        >>> refilled({"b": 1, "a": 2}, {"a": 3})
        {'b': 1, 'a': 3}
    """
    if isinstance(value, (tuple, list)):
        listed = [parts.get(place, old) for place, old in enumerate(value)]
        return type(value)(*listed) if hasattr(value, "_fields") else type(value)(listed)
    if type(value) is dict:
        return {key: parts.get(key, old) for key, old in value.items()}
    if is_record(value):
        made = copy.copy(value)
        for name, part in parts.items():
            object.__setattr__(made, name, part)  # a frozen one too
        return made
    if is_graph(value):
        made = copy.copy(value)
        for name, part in parts.items():
            setattr(made, name, part)
        return made
    if not isinstance(value, Mapping):
        flat, context = pytree.SUPPORTED_NODES[type(value)].flatten_fn(value)
        listed = [parts.get(place, old) for place, old in enumerate(flat)]
        return pytree.SUPPORTED_NODES[type(value)].unflatten_fn(listed, context)
    return _refilled_mapping(value, parts)


def mapped(function: Callable[[Tensor], Any], tree: Any) -> Any:
    """A function applied to every tensor of nested containers; everything else stays.

    Args:
        function: From a tensor to what takes its place.
        tree: Tuples, lists, named tuples, mappings, dataclasses and what torch knows as a tree, in any nesting.

    Example:
        >>> import torch
        >>> mapped(lambda x: x + 1, {"a": (torch.ones(1), "name")})
        {'a': (tensor([2.]), 'name')}
    """
    if isinstance(tree, Tensor):
        return function(tree)
    parts = parts_of(tree)
    return tree if parts is None else refilled(tree, {key: mapped(function, part) for key, part in parts.items()})


def tensors_of(tree: Any) -> list[Tensor]:
    """Every tensor of nested containers, in order."""
    found: list[Tensor] = []

    def note(x: Tensor) -> Tensor:
        found.append(x)
        return x

    mapped(note, tree)
    return found


def _refilled_mapping(value: Mapping[Any, Any], parts: Mapping[Any, Any]) -> Any:
    """As `refilled`, with the attributes that hold one of the old parts."""
    if isinstance(value, dict) and not hasattr(type(value), "__copy__"):
        made = _same_dict(value, parts)
    elif isinstance(value, MutableMapping):
        made = copy.copy(value)
        for key, part in parts.items():
            made[key] = part
    else:
        return type(value)({**value, **parts})  # type: ignore[call-arg]
    attributes = getattr(made, "__dict__", {})
    for name, held in list(attributes.items()):
        for key, part in parts.items():
            if name == key or (held is value[key] and not isinstance(held, (bool, int, float, str, type(None)))):
                attributes[name] = part
    return made


def _same_dict(value: dict[Any, Any], parts: Mapping[Any, Any]) -> Any:
    """A dictionary's own kind, made without its constructor, which may ask for more than its items."""
    kind, plain = type(value), OrderedDict if isinstance(value, OrderedDict) else dict
    made = kind.__new__(kind)
    for key in value:
        plain.__setitem__(made, key, parts[key] if key in parts else plain.__getitem__(value, key))
    getattr(made, "__dict__", {}).update(getattr(value, "__dict__", {}))
    return made
