"""Whether plain autograd, and nothing else, records what is done with some tensors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

Gradients = tuple[Tensor | None, ...]


def recorded(*given: Tensor) -> bool:
    """Whether it is so: not where a compiler, an export, `torch.func` or dual numbers look on."""
    return (
        not torch.compiler.is_compiling()
        and torch.is_grad_enabled()
        and torch._C._functorch.peek_interpreter_stack() is None  # noqa: SLF001 (no public way to see torch.func)
        and forward_ad._current_level < 0  # noqa: SLF001 (nor dual numbers)
        and torch._C._len_torch_function_stack() == 0  # noqa: SLF001 (nor modes, such as those that trace)
        and torch._C._len_torch_dispatch_stack() == 0  # noqa: SLF001
        and not torch._C._is_any_autocast_enabled()  # noqa: SLF001 (whose precision ends before the backward pass)
        and all(type(one) in (Tensor, torch.nn.Parameter) for one in given)
    )


def differentiated_again(
    plain: Callable[..., Tensor], inputs: tuple[Tensor, ...], needed: tuple[bool, ...], g: Tensor
) -> Gradients:
    """Gradients that can themselves be differentiated, through the plain function.

    Args:
        plain: A function of torch operations.
        inputs: What it was called with.
        needed: Whose gradients are wanted.
        g: The gradient of what it gave.
    """
    at = [one for one, wanted in zip(inputs, needed, strict=True) if wanted]
    found = iter(torch.autograd.grad(plain(*inputs), at, g, create_graph=True, allow_unused=True))
    return tuple(next(found) if wanted else None for wanted in needed)


def watched(x: Tensor) -> bool:
    """Whether the numbers of a tensor can be looked at: no compiler, export or `torch.func` is at work."""
    return (
        not torch.compiler.is_compiling()
        and torch._C._functorch.peek_interpreter_stack() is None  # noqa: SLF001
        and torch._C._len_torch_dispatch_stack() == 0  # noqa: SLF001
        and type(x) in (Tensor, torch.nn.Parameter)
        and x.device.type != "meta"
    )
