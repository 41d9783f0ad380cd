"""Operators of torch whose forward mode is missing, or wrong at second order, by formulas that have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (its name everywhere)
from torch import Tensor
from torch.overrides import TorchFunctionMode


class ForwardMode(TorchFunctionMode):
    """Within it some operators are computed by others, so that tangents of tangents pass through.

    torch 2.13 has no second forward derivative of SiLU, Mish and GLU. That of layer normalisation it has, and it is
    wrong: by a seventh of its size and more, without a word. Numbers beside tensors go to the operators that take
    numbers: torch makes them tensors, whose tangent of zeros then passes through Python at five times the cost.

    Example:
        >>> layer = torch.nn.SiLU()
        >>> slope = lambda x: torch.func.jvp(layer, (x,), (torch.ones_like(x),))[1]
        >>> with ForwardMode():
        ...     bend = torch.func.jvp(slope, (torch.zeros(1),), (torch.ones(1),))[1]
        >>> bend.item()
        0.5
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The operator, or what is computed in its place."""
        if func in _BY_NUMBERS and not kwargs and _is_beside_a_number(args):
            return _BY_NUMBERS[func](*args)
        return _RULES.get(func, func)(*args, **(kwargs or {}))


def _is_beside_a_number(args: Sequence[Any]) -> bool:
    """Whether these are a tensor of real or complex numbers and a number."""
    if len(args) != 2 or type(args[1]) not in (int, float) or not isinstance(args[0], Tensor):
        return False
    return args[0].is_floating_point() or args[0].is_complex()


def _over(input: Tensor, number: Any) -> Tensor:  # noqa: A002
    """A number divided by a tensor."""
    found: Tensor = torch.ops.aten.mul.Scalar(input.reciprocal(), number)
    return found


def _silu(input: Tensor, inplace: bool = False) -> Tensor:  # noqa: A002, FBT001, FBT002 (torch's own signatures)
    return _put(input, input * torch.sigmoid(input), inplace)


def _mish(input: Tensor, inplace: bool = False) -> Tensor:  # noqa: A002, FBT001, FBT002
    return _put(input, input * torch.tanh(F.softplus(input)), inplace)


def _glu(input: Tensor, dim: int = -1) -> Tensor:  # noqa: A002
    one, gate = input.chunk(2, dim)
    return one * torch.sigmoid(gate)


def _layer_norm(  # noqa: PLR0917 (torch's own order)
    input: Tensor,  # noqa: A002
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,  # noqa: FBT001, FBT002
) -> Tensor:
    del cudnn_enable
    axes = tuple(range(-len(normalized_shape), 0))
    centred = input - input.mean(axes, keepdim=True)
    found = centred * torch.rsqrt(centred.square().mean(axes, keepdim=True) + eps)
    found = found if weight is None else found * weight
    return found if bias is None else found + bias


def _put(given: Tensor, found: Tensor, inplace: bool) -> Tensor:  # noqa: FBT001
    return given.copy_(found) if inplace else found


_RULES: Mapping[Any, Callable[..., Tensor]] = {
    F.silu: _silu,
    F.mish: _mish,
    F.glu: _glu,
    F.layer_norm: _layer_norm,
    torch.layer_norm: _layer_norm,
}
_BY_NUMBERS: Mapping[Any, Callable[[Tensor, float], Tensor]] = {
    torch.Tensor.mul: torch.ops.aten.mul.Scalar,
    torch.mul: torch.ops.aten.mul.Scalar,
    torch.Tensor.add: torch.ops.aten.add.Scalar,
    torch.add: torch.ops.aten.add.Scalar,
    torch.Tensor.sub: torch.ops.aten.sub.Scalar,
    torch.sub: torch.ops.aten.sub.Scalar,
    torch.Tensor.div: torch.ops.aten.div.Scalar,
    torch.div: torch.ops.aten.div.Scalar,
    torch.Tensor.__rsub__: torch.ops.aten.rsub.Scalar,
    torch.rsub: torch.ops.aten.rsub.Scalar,
    torch.Tensor.__rdiv__: _over,
}
