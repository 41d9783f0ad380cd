"""What is computed on the CPU whatever device new tensors are made on: groups, representations, actions, constants."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import ClassVar, ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")

_function_modes = torch._C._len_torch_function_stack  # noqa: SLF001 (without a mode there is no default device)


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
        if _function_modes() == 0 or torch.empty(0).is_cpu:
            return function(*args, **kwargs)
        with torch.device("cpu"):
            return function(*args, **kwargs)

    return pinned


class Hosted:
    """A class whose own and whose subclasses' public methods make their tensors on the CPU.

    The constructor, public methods and cached properties are decorated where a class defines them; plain properties,
    which make no tensors, are not.

    Attributes:
        makes_no_tensors: Names of methods that make none but by other methods, and so are left as they are.
    """

    makes_no_tensors: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        for name, attribute in list(vars(cls).items()):
            if (name.startswith("_") and name != "__init__") or name in cls.makes_no_tensors:
                continue
            if isinstance(attribute, functools.cached_property):
                attribute.func = on_the_host(attribute.func)
            elif isinstance(attribute, FunctionType):
                setattr(cls, name, on_the_host(attribute))
