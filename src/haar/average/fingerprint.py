"""What a verdict about a model depends on besides its inputs: modes and switches, and the state of its weights."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from torch import nn

_version = attrgetter("_version")


class Fingerprint:
    """A model looked at from outside, cheaply enough for every call.

    Args:
        model: Any module, or a function, of which nothing can be seen.
    """

    def __init__(self, model: Callable[..., Any]) -> None:
        modules = list(model.modules()) if isinstance(model, nn.Module) else []
        self._tensors = [
            held
            for module in modules
            for held in (module._parameters, module._buffers)  # noqa: SLF001
            if held
        ]
        # What torch's own layers do in train mode is known: mode_dependent_layers.
        own = [module for module in modules if not type(module).__module__.startswith("torch.nn")]
        self._switches = [
            (vars(module), name)
            for module in own
            for name, value in vars(module).items()
            if isinstance(value, (bool, str)) and name != "_is_full_backward_hook"
        ]
        # Whole numbers count calls more often than they weigh something.
        self._numbers = [
            (vars(module), name) for module in own for name, value in vars(module).items() if type(value) is float
        ]

    def switches(self) -> tuple[Any, ...]:
        """Train or eval mode and other flags and names that modules branch on."""
        return tuple([attributes.get(name) for attributes, name in self._switches])

    def weights(self) -> int:
        """A number that changes when a parameter, a buffer or a real attribute is written or replaced."""
        found = [attributes.get(name) for attributes, name in self._numbers]
        numbers = [x if type(x) is float else type(x) for x in found]  # a run may put a list in its place
        tensors = [x for held in self._tensors for x in held.values() if x is not None]
        try:
            written = sum([id(x) ^ x._version for x in tensors])  # noqa: SLF001
        except RuntimeError:  # a tensor of inference mode counts no writes
            written = sum(id(x) ^ (0 if x.is_inference() else x._version) for x in tensors)  # noqa: SLF001
        return written + (hash(tuple(numbers)) if numbers else 0)
