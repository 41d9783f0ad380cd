"""What is computed on the CPU whatever device new tensors are made on: groups, representations, actions, constants."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def on_the_host(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that tensors it makes without naming a device are on the CPU.

    Example:
        >>> @on_the_host
        ... def places(n: int) -> torch.Tensor:
        ...     return torch.arange(n)
        >>> with torch.device("meta"):
        ...     places(3).tolist()
        [0, 1, 2]
    """

    @functools.wraps(function)
    def pinned(*args: P.args, **kwargs: P.kwargs) -> R:
        if torch.empty(0).device.type == "cpu":
            return function(*args, **kwargs)
        with torch.device("cpu"):
            return function(*args, **kwargs)

    return pinned


def pin_methods(cls: type) -> None:
    """Decorate the constructor and every public method and property that a class defines itself."""
    for name, attribute in list(vars(cls).items()):
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(attribute, functools.cached_property):
            attribute.func = on_the_host(attribute.func)
        elif isinstance(attribute, property):
            if attribute.fget is not None:
                setattr(
                    cls, name, property(on_the_host(attribute.fget), attribute.fset, attribute.fdel, attribute.__doc__)
                )
        elif callable(attribute) and not isinstance(attribute, (type, staticmethod, classmethod)):
            setattr(cls, name, on_the_host(attribute))


class Hosted:
    """A class whose own and whose subclasses' public methods make their tensors on the CPU."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        pin_methods(cls)
