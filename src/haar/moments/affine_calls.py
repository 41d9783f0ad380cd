"""Which modules and functions are affine in their tensor argument."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention
from torch.utils import _pytree as pytree

from haar.moments.exported import ATEN_IN_FIRST, ATEN_IN_ONE, ATEN_JOINTLY, is_aten, plain_name

AFFINE_MODULES: tuple[type[nn.Module], ...] = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AvgPool3d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveAvgPool3d,
    nn.Flatten,
    nn.Unflatten,
    nn.Upsample,
    nn.UpsamplingNearest2d,
    nn.UpsamplingBilinear2d,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
    nn.ChannelShuffle,
    nn.Fold,
    nn.Unfold,
    nn.ZeroPad1d,
    nn.ZeroPad2d,
    nn.ZeroPad3d,
    nn.ConstantPad1d,
    nn.ConstantPad2d,
    nn.ReplicationPad1d,
    nn.ReplicationPad2d,
    nn.ReflectionPad1d,
    nn.ReflectionPad2d,
    nn.CircularPad1d,
    nn.CircularPad2d,
)
BATCH_NORMS: tuple[type[nn.Module], ...] = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
DROPOUTS: tuple[type[nn.Module], ...] = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)

#: Linear in all their random arguments together.
JOINTLY_LINEAR: frozenset[object] = frozenset(
    {
        operator.add,
        operator.iadd,
        operator.sub,
        operator.isub,
        operator.neg,
        operator.pos,
        operator.getitem,
        torch.add,
        torch.sub,
        torch.neg,
        torch.cat,
        torch.concat,
        torch.stack,
        torch.flatten,
        torch.reshape,
        torch.transpose,
        torch.permute,
        torch.movedim,
        torch.squeeze,
        torch.unsqueeze,
        torch.mean,
        torch.sum,
        torch.cumsum,
        torch.flip,
        torch.roll,
        torch.narrow,
        torch.index_select,
        torch.chunk,
        torch.split,
        torch.unbind,
        torch.diff,
        torch.detach,
        torch.zeros_like,
        torch.ones_like,
        torch.full_like,
        torch.tril,
        torch.triu,
        F.pad,
        F.avg_pool1d,
        F.avg_pool2d,
        F.avg_pool3d,
        F.adaptive_avg_pool1d,
        F.adaptive_avg_pool2d,
        F.adaptive_avg_pool3d,
        F.interpolate,
        F.unfold,
        F.fold,
        F.pixel_shuffle,
    }
)
#: Linear in one random argument if the others are constants; a product of two random values is not affine.
LINEAR_IN_ONE: frozenset[object] = frozenset(
    {
        operator.mul,
        operator.imul,
        operator.matmul,
        operator.imatmul,
        torch.mul,
        torch.matmul,
        torch.mm,
        torch.bmm,
        torch.einsum,
        torch.tensordot,
        torch.sparse.mm,
        F.linear,
        F.conv1d,
        F.conv2d,
        F.conv3d,
        F.conv_transpose1d,
        F.conv_transpose2d,
        F.conv_transpose3d,
    }
)
#: Linear in their first argument if the others are constants.
LINEAR_IN_FIRST: frozenset[object] = frozenset({operator.truediv, operator.itruediv, torch.div, torch.true_divide})

METHODS_JOINTLY: frozenset[str] = frozenset(
    {
        *(
            "add",
            "sub",
            "neg",
            "flatten",
            "reshape",
            "view",
            "transpose",
            "permute",
            "movedim",
            "squeeze",
        ),
        *(
            "unsqueeze",
            "mean",
            "sum",
            "cumsum",
            "flip",
            "roll",
            "narrow",
            "index_select",
            "chunk",
            "split",
            "unbind",
            "t",
        ),
        *(
            "contiguous",
            "clone",
            "expand",
            "repeat",
            "swapaxes",
            "swapdims",
            "diff",
            "unflatten",
            "expand_as",
            "view_as",
            "detach",
            "copy",
            "zero",
            "fill",
            "new_zeros",
            "new_ones",
            "new_full",
        ),
    }
)
METHODS_IN_ONE: frozenset[str] = frozenset({"mul", "matmul", "mm", "bmm", "__matmul__"})
METHODS_IN_FIRST: frozenset[str] = frozenset({"div", "true_divide"})
METHODS_IDENTITY: frozenset[str] = frozenset({"contiguous", "clone", "double", "float", "to", "type"})

SHAPE_METHODS: frozenset[str] = frozenset({"size", "dim", "ndimension"})


def affine_kind(target: object, random_arguments: int, *, first_is_random: bool, others_random: bool) -> bool:
    """Whether a call is affine in its random arguments.

    Args:
        target: The function, or a method's name.
        random_arguments: How many of its tensor arguments are random.
        first_is_random: Whether the first argument is.
        others_random: Whether any other is.

    Example:
        >>> affine_kind(torch.matmul, 2, first_is_random=True, others_random=True)
        False
    """
    aten = plain_name(target) if is_aten(target) else ""
    target = plain_name(target) if isinstance(target, str) else target
    if target in JOINTLY_LINEAR or target in METHODS_JOINTLY or aten in ATEN_JOINTLY:
        return True
    if target in LINEAR_IN_ONE or target in METHODS_IN_ONE or aten in ATEN_IN_ONE:
        return random_arguments == 1
    if target in LINEAR_IN_FIRST or target in METHODS_IN_FIRST or aten in ATEN_IN_FIRST:
        return first_is_random and not others_random
    return False


def call(target: object, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Call a function, or a method by name on the first argument.

    Example:
        >>> call("sum", (torch.ones(3),), {}).item()
        3.0
    """
    if isinstance(target, str):
        return getattr(arguments[0], target)(*arguments[1:], **keywords)
    if not callable(target):
        raise TypeError(f"{target!r} is not callable")
    return target(*arguments, **keywords)


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
        module: The module.
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
