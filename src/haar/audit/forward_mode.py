"""Derivatives along a direction: one pass in forward mode, with layers that are linear in their input run once each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

#: Functions (input, weight, bias, ...) that are linear in the input, but for the bias.
_LINEAR = frozenset(
    {
        torch.conv1d,
        torch.conv2d,
        torch.conv3d,
        torch.conv_transpose1d,
        torch.conv_transpose2d,
        torch.conv_transpose3d,
        functional.linear,
    }
)

#: Ways to leave the graph of reverse mode. The values go on all the same, and so must their derivative.
_LEAVING = frozenset({torch.detach, Tensor.detach, Tensor.data.__get__})  # type: ignore[attr-defined]

#: Ways to leave torch. What is computed there has no derivative that could be followed.
_OUT = frozenset({Tensor.numpy, Tensor.tolist, Tensor.item, Tensor.__float__, Tensor.__complex__, Tensor.__array__})


def push_forward(function: Callable[..., Any], primals: Sequence[Tensor], tangents: Sequence[Tensor]) -> Any:
    """The values of a function and its derivative along a direction.

    Args:
        function: A function of as many tensors as `primals` has.
        primals: The point at which the derivative is taken: one tensor for each argument of the function.
        tangents: Along which direction, of the same shapes and dtypes.

    Returns:
        Two trees with the structure of what the function returns. Leaves that are no floating-point tensors, or do not
        depend on the direction, have derivative zero.

    Raises:
        NotImplementedError: If an operation has no forward-mode derivative, or values that change leave torch.

    Example:
        >>> x, v = torch.tensor([2.0, 3.0]), torch.tensor([1.0, 0.0])
        >>> y, change = push_forward(lambda x: {"square": x * x}, [x], [v])
        >>> y["square"].tolist(), change["square"].tolist()
        ([4.0, 9.0], [4.0, 0.0])
    """
    with forward_ad.dual_level(), _LinearOnce(), warnings.catch_warnings():
        # torch compiles its forward-mode rules with torch.jit.script on first use, and warns of itself.
        warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=DeprecationWarning)
        duals = [forward_ad.make_dual(x, v) for x, v in zip(primals, tangents, strict=True)]
        leaves, spec = pytree.tree_flatten(function(*duals))
        pairs = [_parts(leaf) for leaf in leaves]
    return tuple(pytree.tree_unflatten(list(part), spec) for part in zip(*pairs, strict=True))


class _LinearOnce(TorchFunctionMode):
    """Convolutions and linear maps of a dual input: the map once for the value and once for the derivative.

    torch's own rule also runs the layer for the derivative of its weights, which is zero here: half as much again. What
    a model detaches, as force fields do before they ask for gradients, keeps its derivative.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        kwargs = dict(kwargs or {})
        if func in _LEAVING and isinstance(args[0], Tensor):
            value, change = forward_ad.unpack_dual(args[0])
            return func(*args, **kwargs) if change is None else forward_ad.make_dual(func(value), change.detach())
        if func in _OUT and isinstance(args[0], Tensor):
            _check_still(args[0], func.__name__)
        if func not in _LINEAR or "input" in kwargs or "weight" in kwargs:
            return func(*args, **kwargs)
        x, *weights = [*args[:3], kwargs.get("bias")]
        if any(map(_moves, weights)):
            return func(*args, **kwargs)
        value, change = forward_ad.unpack_dual(x)
        if change is None:
            return func(*args, **kwargs)
        y = func(value, *args[1:], **kwargs)
        others = [None, *args[3:]] if len(args) > 2 else []
        options = kwargs if len(args) > 2 else {**kwargs, "bias": None}
        return forward_ad.make_dual(y, func(change, args[1], *others, **options))


def _moves(x: Any) -> bool:
    return isinstance(x, Tensor) and forward_ad.unpack_dual(x).tangent is not None


def _check_still(x: Tensor, name: str) -> None:
    """Refuse values that leave torch while they move: their derivative would be lost without a word."""
    change = forward_ad.unpack_dual(x).tangent
    if change is not None and bool(change.any()):
        raise NotImplementedError(f"Tensor.{name} takes values out of torch")


def _parts(leaf: Any) -> tuple[Any, Any]:
    """Value and derivative of one leaf."""
    if not isinstance(leaf, Tensor):
        return leaf, leaf
    value, change = forward_ad.unpack_dual(leaf)
    return value, torch.zeros_like(value) if change is None else change
