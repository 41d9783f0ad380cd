"""A model's parts as functions in double precision, whatever they were trained in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree


def wide(tree: Any) -> Any:
    """Tensors in double precision, complex ones too; everything else stays.

    Example:
        >>> [x.dtype for x in wide((torch.zeros(1), torch.zeros(1, dtype=torch.complex64), torch.tensor(1)))]
        [torch.float64, torch.complex128, torch.int64]
    """
    return in_precision(tree, torch.float64)


def in_precision(tree: Any, dtype: torch.dtype) -> Any:
    """Copies of real tensors in a precision, and of complex ones in that of twice its size.

    Example:
        >>> in_precision([torch.zeros(1, dtype=torch.complex128)], torch.float32)[0].dtype
        torch.complex64
    """

    def cast(x: Any) -> Any:
        if not isinstance(x, Tensor) or not (x.is_floating_point() or x.is_complex()):
            return x
        if x.is_complex():
            return x if dtype == torch.bfloat16 else x.to(dtype.to_complex())
        return x.to(dtype)

    return pytree.tree_map(cast, tree)


def module_function(
    module: nn.Module, *, with_bias: bool, parameters: dict[str, Tensor] | None = None
) -> Callable[..., Any]:
    """A module as a function in float64, its parameters still differentiable, its bias kept or set to zero.

    Every call starts from the module's own buffers and leaves them as they are.

    Args:
        module: Any module; its weights are read in float64.
        with_bias: Whether the bias is kept.
        parameters: The parameters in float64, if they are at hand.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> module_function(layer, with_bias=False)(torch.zeros(1, 1, dtype=torch.float64)).item()
        0.0
    """
    parameters = wide(dict(module.named_parameters())) if parameters is None else parameters
    buffers = wide(dict(module.named_buffers()))
    if not with_bias and "bias" in parameters:
        parameters["bias"] = torch.zeros_like(parameters["bias"])

    def function(*arguments: Any, **keywords: Any) -> Any:
        state = {**parameters, **{name: value.clone() for name, value in buffers.items()}}
        return torch.func.functional_call(module, state, arguments, keywords)

    return function
