"""Trace or run a model, and put back every attribute that its forward method set."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from haar.probing.undisturbed import undisturbed

_REGISTRIES = ("_parameters", "_buffers", "_modules")


@contextmanager
def left_alone(model: nn.Module) -> Iterator[None]:
    """Put back what tracing or running a model changes: buffers, random state, and every attribute.

    Tracing runs forward methods on proxies and leaves constants behind; what a forward method stores on the module
    would stay there as a proxy.

    Example:
        >>> model = nn.Identity()
        >>> with left_alone(model):
        ...     model.last = "a proxy"
        >>> hasattr(model, "last")
        False
    """
    modules = [module for module in model.modules() if not isinstance(module, torch.jit.ScriptModule)]
    kept = [
        {name: copy.copy(value) if name in _REGISTRIES else value for name, value in vars(module).items()}
        for module in modules
    ]
    with undisturbed(model, mode=None):
        try:
            yield
        finally:
            for module, attributes in zip(modules, kept, strict=True):
                for name in _REGISTRIES:  # the very dictionaries, which others may hold
                    own = vars(module)[name]
                    own.clear()
                    own.update(attributes.pop(name))
                registries = {name: vars(module)[name] for name in _REGISTRIES}
                module.__dict__.clear()
                module.__dict__.update(attributes | registries)
