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


def named_parts(value: Any) -> dict[Any, Any] | None:
    """The parts of a mapping by key, of a dataclass by field; None for anything else.

    Example:
        >>> named_parts({"energy": 1.0}), named_parts((1.0,))
        ({'energy': 1.0}, None)
    """
    if isinstance(value, Mapping):
        return dict(value.items())
    if is_record(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def refilled(value: Any, parts: Mapping[Any, Any]) -> Any:
    """A mapping or dataclass of the same type, order and attributes around other parts; no constructor runs.

    Attributes that hold a part beside the mapping's item, as outputs of language models do, hold the new one.

    Args:
        value: The container; it is not changed.
        parts: New parts for some of its keys or fields.

    Example:
        >>> refilled({"b": 1, "a": 2}, {"a": 3})
        {'b': 1, 'a': 3}
    """
    if type(value) is dict:
        return {key: parts.get(key, old) for key, old in value.items()}
    if is_record(value):
        made = copy.copy(value)
        for name, part in parts.items():
            object.__setattr__(made, name, part)  # a frozen one too
        return made
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
    parts = named_parts(tree)
    if parts is not None:
        return refilled(tree, {key: mapped(function, part) for key, part in parts.items()})
    if isinstance(tree, (tuple, list)):
        made = [mapped(function, part) for part in tree]
        return type(tree)(*made) if hasattr(tree, "_fields") else type(tree)(made)
    return pytree.tree_map_only(Tensor, function, tree)


def tensors_of(tree: Any) -> list[Tensor]:
    """Every tensor of nested containers, in order."""
    found: list[Tensor] = []

    def note(x: Tensor) -> Tensor:
        found.append(x)
        return x

    mapped(note, tree)
    return found


def _same_dict(value: dict[Any, Any], parts: Mapping[Any, Any]) -> Any:
    """A dictionary's own kind, made without its constructor, which may ask for more than its items."""
    kind, plain = type(value), OrderedDict if isinstance(value, OrderedDict) else dict
    made = kind.__new__(kind)
    for key in value:
        plain.__setitem__(made, key, parts[key] if key in parts else plain.__getitem__(value, key))
    getattr(made, "__dict__", {}).update(getattr(value, "__dict__", {}))
    return made
