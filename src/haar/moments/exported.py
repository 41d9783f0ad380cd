"""Exported programs (``torch.export``) speak ATen: which of its operators are affine, and their plain names."""

from __future__ import annotations

import torch
from torch import nn

#: Linear in all their random arguments together.
ATEN_JOINTLY: frozenset[str] = frozenset(
    {
        *("add", "sub", "neg", "flatten", "reshape", "view", "_unsafe_view", "transpose", "permute"),
        *("movedim", "squeeze", "unsqueeze", "mean", "sum", "cumsum", "flip", "roll", "narrow", "index_select"),
        *("chunk", "split", "split_with_sizes", "unbind", "t", "expand", "expand_as", "repeat", "diff", "tril", "triu"),
        *("cat", "concat", "stack", "slice", "select", "pad", "constant_pad_nd", "unflatten", "swapaxes", "alias"),
        *("avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d"),
        *("adaptive_avg_pool3d", "upsample_nearest2d", "upsample_bilinear2d", "upsample_linear1d"),
        *(
            "upsample_nearest1d",
            "pixel_shuffle",
            "pixel_unshuffle",
            "im2col",
            "col2im",
            "detach",
            "lift_fresh_copy",
            "copy",
            "fill",
            "zero",
        ),
    }
)
#: Linear in one random argument if the others are constants.
ATEN_IN_ONE: frozenset[str] = frozenset(
    {
        *("mul", "matmul", "mm", "bmm", "mv", "einsum", "tensordot", "linear", "addmm"),
        *("conv1d", "conv2d", "conv3d", "convolution", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    }
)
#: Linear in their first argument if the others are constants.
ATEN_IN_FIRST: frozenset[str] = frozenset({"div", "true_divide"})


def operator_name(target: object) -> str:
    """The name of a function, a method or an ATen operator, without its overload.

    Example:
        >>> operator_name(torch.ops.aten.add.Tensor), operator_name(torch.relu), operator_name("view")
        ('add', 'relu', 'view')
    """
    if isinstance(target, str):
        return target
    packet = getattr(target, "overloadpacket", target)
    return str(getattr(packet, "__name__", packet))


def plain_name(target: object) -> str:
    """The name of a call without the underscore of writing in place: what it returns is the same.

    Example:
        >>> plain_name("add_"), plain_name(torch.relu_), plain_name("__matmul__")
        ('add', 'relu', '__matmul__')
    """
    name = operator_name(target)
    return name if name.endswith("__") else name.removesuffix("_")


def is_aten(target: object) -> bool:
    """Whether a call's target is an operator as exported programs have them.

    Example:
        >>> is_aten(torch.ops.aten.relu.default), is_aten(torch.relu)
        (True, False)
    """
    return isinstance(target, torch._ops.OpOverload)  # noqa: SLF001 - torch has no public name for it


def is_guard(module: nn.Module) -> bool:
    """Whether a module only checks the shapes of an exported program's inputs.

    Example:
        >>> is_guard(nn.ReLU())
        False
    """
    return type(module).__module__.startswith("torch.export") and type(module).__name__ == "GuardsFn"


def is_program(module: nn.Module) -> bool:
    """Whether a module is an exported program, whose hooks do nothing but check its inputs.

    Example:
        >>> is_program(nn.ReLU()), is_program(torch.export.export(nn.ReLU(), (torch.zeros(1),)).module())
        (False, True)
    """
    hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]  # noqa: SLF001
    of_export = all(hook.__module__.startswith("torch.export") for hook in hooks)
    return isinstance(module, torch.fx.GraphModule) and bool(hooks) and of_export
