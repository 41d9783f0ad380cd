"""What a module remembers outside of parameters and buffers: counters, caches, hidden states in plain attributes."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

#: What torch itself keeps on a module: modes, parameters, buffers and hooks are no memories of a model.
_OF_TORCH = frozenset(vars(nn.Module()))
#: Objects inside objects inside attributes are looked at so far.
_DEPTH = 4
_SEQUENCES = (list, tuple, deque)
_LEFT_ALONE = (types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, type, nn.Module)


class Attributes:
    """The plain attributes of one module, as they are now.

    Tensors and arrays are copied; lists, dictionaries, sets and plain objects are remembered with what is in them. What
    neither torch, numpy nor Python itself nor a plain class holds (a file, an iterator) is beyond reach.

    Args:
        module: The module whose attributes are kept.

    Example:
        >>> module = nn.Identity()
        >>> module.seen = [1]
        >>> kept = Attributes(module)
        >>> module.seen.append(2)
        >>> kept.put_back()
        >>> module.seen
        [1]
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._held = {name: value for name, value in vars(module).items() if name not in _OF_TORCH}
        seen: set[int] = set()
        self._undo = [undo for value in self._held.values() for undo in _undos(value, seen, _DEPTH)]

    def put_back(self) -> None:
        """Make the attributes what they were."""
        now = vars(self._module)
        for name in [name for name in now if name not in _OF_TORCH and name not in self._held]:
            del now[name]
        for name, value in self._held.items():
            if now.get(name) is not value:
                now[name] = value
        for undo in self._undo:
            undo()


def _undos(value: Any, seen: set[int], depth: int) -> list[Callable[[], None]]:
    """How to put back what is inside a value."""
    if depth == 0 or id(value) in seen or isinstance(value, _LEFT_ALONE):
        return []
    seen.add(id(value))
    for kind, of in _LEAVES:
        if isinstance(value, kind):
            return of(value)
    own = [of(value) for kind, of in _CONTAINERS if isinstance(value, kind)]
    return own + [undo for part in _parts(value) for undo in _undos(part, seen, depth - 1)]


def _parts(value: Any) -> list[Any]:
    """What is inside a container, or in a plain object of somebody's class."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, _SEQUENCES):
        return _in_line(value)
    own = getattr(value, "__dict__", None)
    plain = type(own) is dict and type(value).__module__.partition(".")[0] not in ("torch", "numpy", "builtins")
    return [own] if plain and not isinstance(value, set) else []


def _in_line(value: Any) -> list[Any]:
    """The parts of a sequence as Python itself holds them: a subclass may count otherwise, or refuse to."""
    kind: Any = next(kind for kind in _SEQUENCES if isinstance(value, kind))
    return list(kind.__iter__(value))


def holds_numbers(x: Tensor) -> bool:
    """Whether a tensor is a plain one with numbers of its own that may be written: not a stand-in of a trace."""
    return type(x) in (Tensor, nn.Parameter) and not x.is_meta and not x.is_inference()


def _of_tensor(value: Tensor) -> list[Callable[[], None]]:
    if not holds_numbers(value):
        return []
    copied = value.detach().clone()

    def undo() -> None:
        with torch.no_grad():
            if value.shape != copied.shape:
                value.resize_(copied.shape)  # itself: an alias would grow alone
            if not torch.equal(value, copied):
                value.detach().copy_(copied)

    return [undo]


def _of_generator(value: torch.Generator) -> list[Callable[[], None]]:
    state = value.get_state()

    def undo() -> None:
        value.set_state(state)

    return [undo]


def _of_array(value: Any) -> list[Callable[[], None]]:
    copied = value.copy()

    def undo() -> None:
        if value.flags.writeable:
            value[...] = copied

    return [undo]


def _of_dict(value: dict[Any, Any]) -> Callable[[], None]:
    items = dict(value)
    return lambda: _put_items(value, items)


def _of_list(value: list[Any] | deque[Any]) -> Callable[[], None]:
    parts = _in_line(value)
    return lambda: _put_parts(value, parts)


def _of_set(value: set[Any]) -> Callable[[], None]:
    members = set(value)
    return lambda: _put_members(value, members)


def _put_items(value: dict[Any, Any], items: dict[Any, Any]) -> None:
    if len(value) != len(items) or any(key not in value or value[key] is not part for key, part in items.items()):
        value.clear()
        value.update(items)


def _put_parts(value: list[Any] | deque[Any], parts: list[Any]) -> None:
    now = _in_line(value)
    if len(now) != len(parts) or any(part is not then for part, then in zip(now, parts, strict=True)):
        value.clear()
        value.extend(parts)


def _put_members(value: set[Any], members: set[Any]) -> None:
    if value != members:
        value.clear()
        value.update(members)


#: What has nothing inside, and how it is put back.
_LEAVES: tuple[tuple[type, Callable[[Any], list[Callable[[], None]]]], ...] = (
    (Tensor, _of_tensor),
    (torch.Generator, _of_generator),
    (np.ndarray, _of_array),
)
#: What has parts, which are put back by themselves, and how it is told which they were.
_CONTAINERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Callable[[], None]]], ...] = (
    (dict, _of_dict),
    ((list, deque), _of_list),
    (set, _of_set),
)
