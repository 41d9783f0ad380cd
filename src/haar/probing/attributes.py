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
_LEFT_ALONE = (types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, type, nn.Module)


class Attributes:
    """The plain attributes of one module, as they are now.

    Tensors and arrays are copied; lists, dictionaries, sets and plain objects are remembered with what is in them. What
    neither torch, numpy nor Python itself nor a plain class holds (a file, an iterator) is beyond reach.

    Args:
        module: The module.

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
    if isinstance(value, Tensor):
        return [_of_tensor(value)] if holds_numbers(value) else []
    if isinstance(value, torch.Generator):
        state = value.get_state()
        return [lambda: _none(value.set_state(state))]
    if isinstance(value, np.ndarray):
        array = value.copy()
        return [lambda: _none(value.__setitem__(..., array) if value.flags.writeable else None)]
    if isinstance(value, dict):
        items = dict(value)
        inner = [undo for part in items.values() for undo in _undos(part, seen, depth - 1)]
        return [lambda: _put_items(value, items), *inner]
    if isinstance(value, (list, deque)):
        parts = list(value)
        inner = [undo for part in parts for undo in _undos(part, seen, depth - 1)]
        return [lambda: _put_parts(value, parts), *inner]
    if isinstance(value, tuple):
        return [undo for part in value for undo in _undos(part, seen, depth - 1)]
    if isinstance(value, set):
        members = set(value)
        return [lambda: _put_members(value, members)]
    own = getattr(value, "__dict__", None)
    if type(own) is dict and type(value).__module__.partition(".")[0] not in ("torch", "numpy", "builtins"):
        return _undos(own, seen, depth - 1)
    return []


def holds_numbers(x: Tensor) -> bool:
    """Whether a tensor is a plain one with numbers of its own that may be written: not a stand-in of a trace."""
    return type(x) in (Tensor, nn.Parameter) and not x.is_meta and not x.is_inference()


def _of_tensor(value: Tensor) -> Callable[[], None]:
    copied = value.detach().clone()

    def undo() -> None:
        with torch.no_grad():
            if value.shape != copied.shape or not torch.equal(value, copied):
                value.detach().resize_(copied.shape).copy_(copied)

    return undo


def _put_items(value: dict[Any, Any], items: dict[Any, Any]) -> None:
    if len(value) != len(items) or any(key not in value or value[key] is not part for key, part in items.items()):
        value.clear()
        value.update(items)


def _put_parts(value: list[Any] | deque[Any], parts: list[Any]) -> None:
    if len(value) != len(parts) or any(now is not then for now, then in zip(value, parts, strict=True)):
        value.clear()
        value.extend(parts)


def _put_members(value: set[Any], members: set[Any]) -> None:
    if value != members:
        value.clear()
        value.update(members)


def _none(_: object) -> None:
    """Drop what a call returns."""
