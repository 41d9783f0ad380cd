"""One table of torch's operators: what each is called as a module, a function, a method or an ATen operator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

#: What an operator does to a tensor: every number by itself; a map of channels or a sum; windows that slide over a
#: grid; axes and places only; sums, means and maxima over axes; statistics that scale; random zeros; nothing.
Kind = Literal["pointwise", "affine", "window", "shape", "reduce", "norm", "noise", "same", "mixing"]
#: In which of its tensor arguments an operator is linear: all together, any one, the first.
Linear = Literal["all", "one", "first"]


@dataclass(frozen=True)
class Operator:
    """A row of the table.

    Args:
        name: Its name as a function.
        kind: What it does to its input, such as ``"pointwise"``, ``"affine"`` or ``"window"``.
        modules: torch's module classes that are this operator.
        also: Its other names, as functions, methods or ATen operators; writing in place is left out of all.
        linear: In which arguments it is linear (affine for a module with a bias); None where it is not.
        odd: Whether f(-x) = -f(x) for every setting.
        settings: Attributes of the module that are further arguments of the function, in its order.

    Example:
        >>> operator_of(nn.LeakyReLU(0.2)).settings, operator_of("tanh_").odd, operator_of(torch.add).linear
        (('negative_slope',), True, 'all')
    """

    name: str
    kind: Kind
    modules: tuple[type[nn.Module], ...] = ()
    also: tuple[str, ...] = ()
    linear: Linear | None = None
    odd: bool = False
    settings: tuple[str, ...] = ()

    def is_affine_in(self, random: int, *, first: bool) -> bool:
        """Whether it is affine in its random arguments.

        Args:
            random: Number of of its arguments are random.
            first: Whether the first one is.

        Example:
            >>> [operator_of(name).is_affine_in(2, first=True) for name in ("add", "matmul", "div")]
            [True, False, False]
        """
        return self.linear == "all" or (random == 1 and (self.linear == "one" or (self.linear == "first" and first)))


def _pointwise(name: str, *modules: type[nn.Module], also: tuple[str, ...] = (), odd: bool = False) -> Operator:
    return Operator(name, "pointwise", modules, also, odd=odd)


def _bent(name: str, module: type[nn.Module], *settings: str, odd: bool = False) -> Operator:
    return Operator(name, "pointwise", (module,), odd=odd, settings=settings)


def _named(kind: Kind, names: str, linear: Linear | None = None) -> Iterable[Operator]:
    return (Operator(name, kind, linear=linear) for name in names.split())


def _each_dim(name: str, kind: Kind, linear: Linear | None, module: str) -> Iterable[Operator]:
    """An operator for lines, planes and boxes."""
    for dim in (1, 2, 3):
        found = getattr(nn, module.format(dim), None)
        yield Operator(name.format(dim), kind, () if found is None else (found,), linear=linear)


OPERATORS: tuple[Operator, ...] = (
    # every number by itself
    _pointwise("relu", nn.ReLU),
    _pointwise("relu6", nn.ReLU6),
    _bent("leaky_relu", nn.LeakyReLU, "negative_slope"),
    _bent("rrelu", nn.RReLU, "lower", "upper"),
    _bent("hardtanh", nn.Hardtanh, "min_val", "max_val"),
    _bent("threshold", nn.Threshold, "threshold", "value"),
    _bent("hardshrink", nn.Hardshrink, "lambd", odd=True),
    _bent("softshrink", nn.Softshrink, "lambd", odd=True),
    _bent("gelu", nn.GELU, "approximate"),
    _bent("softplus", nn.Softplus, "beta"),
    _bent("elu", nn.ELU, "alpha"),
    _bent("celu", nn.CELU, "alpha"),
    _pointwise("selu", nn.SELU),
    _pointwise("silu", nn.SiLU),
    _pointwise("mish", nn.Mish),
    _pointwise("sigmoid", nn.Sigmoid, also=("special_expit",)),
    _pointwise("log_sigmoid", nn.LogSigmoid, also=("logsigmoid",)),
    _pointwise("hardsigmoid", nn.Hardsigmoid),
    _pointwise("hardswish", nn.Hardswish),
    _pointwise("tanh", nn.Tanh, odd=True),
    _pointwise("softsign", nn.Softsign, odd=True),
    _pointwise("tanhshrink", nn.Tanhshrink, odd=True),
    _pointwise("erf", also=("special_erf",), odd=True),
    _pointwise("ndtr", also=("special_ndtr",)),
    _pointwise("atan", also=("arctan",), odd=True),
    *(_pointwise(name, odd=True) for name in ("sin", "sinh", "sign", "reciprocal")),
    *(_pointwise(name) for name in ("cos", "cosh", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "square", "pow")),
    _pointwise("abs", also=("absolute",)),
    _pointwise("nan_to_num"),
    _pointwise("clamp", also=("clip",)),
    _pointwise("clamp_min"),
    _pointwise("clamp_max"),
    # maps of channels, sums and products
    Operator("linear", "affine", (nn.Linear,), linear="one"),
    *_named("affine", "matmul mm bmm mv einsum tensordot addmm", "one"),
    Operator("sparse_mm", "affine", also=("_sparse_mm",), linear="one"),
    Operator("mul", "affine", also=("multiply",), linear="one"),
    Operator("add", "affine", linear="all"),
    Operator("sub", "affine", also=("subtract", "rsub"), linear="all"),
    Operator("neg", "affine", also=("negative",), linear="all"),
    Operator("div", "affine", also=("true_divide", "truediv", "divide"), linear="first"),
    *_named("affine", "cumsum diff scatter_add index_add view_as_real view_as_complex real imag conj", "all"),
    *(
        Operator(f"fft_{inverse}{real}{dims}", "affine", linear="all")
        for inverse in ("", "i")
        for real in ("fft", "rfft")
        for dims in ("", "2", "n")
    ),
    *_named("shape", "fft_fftshift fft_ifftshift resolve_conj", "all"),
    Operator("masked_fill", "affine", linear="first"),
    # windows
    *_each_dim("conv{}d", "window", "one", "Conv{}d"),
    Operator("convolution", "window", linear="one"),
    *_each_dim("conv_transpose{}d", "window", "one", "ConvTranspose{}d"),
    *_each_dim("avg_pool{}d", "window", "all", "AvgPool{}d"),
    *_each_dim("adaptive_avg_pool{}d", "window", "all", "AdaptiveAvgPool{}d"),
    *_each_dim("max_pool{}d", "window", None, "MaxPool{}d"),
    *_each_dim("adaptive_max_pool{}d", "window", None, "AdaptiveMaxPool{}d"),
    Operator(
        "interpolate",
        "window",
        (nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d),
        ("upsample_nearest1d", "upsample_nearest2d", "upsample_bilinear2d", "upsample_linear1d"),
        linear="all",
    ),
    Operator(
        "pad",
        "window",
        tuple(
            getattr(nn, f"{how}Pad{dim}d")
            for how in ("Zero", "Constant", "Replication", "Reflection", "Circular")
            for dim in (1, 2, 3)
        ),
        ("constant_pad_nd",),
        linear="all",
    ),
    Operator("unfold", "window", (nn.Unfold,), ("im2col",), linear="all"),
    Operator("fold", "window", (nn.Fold,), ("col2im",), linear="all"),
    # axes and places
    Operator("flatten", "shape", (nn.Flatten,), linear="all"),
    Operator("unflatten", "shape", (nn.Unflatten,), linear="all"),
    Operator("reshape", "shape", also=("view", "_unsafe_view", "view_as", "reshape_as"), linear="all"),
    Operator("transpose", "shape", also=("swapaxes", "swapdims"), linear="all"),
    Operator("movedim", "shape", also=("moveaxis",), linear="all"),
    Operator("t", "shape", also=("T", "mT"), linear="all"),
    Operator("cat", "shape", also=("concat", "concatenate"), linear="all"),
    Operator("expand", "shape", also=("expand_as", "broadcast_to"), linear="all"),
    Operator("getitem", "shape", linear="all"),
    Operator("setitem", "shape", linear="all"),
    Operator("split", "shape", also=("split_with_sizes", "tensor_split", "hsplit", "vsplit"), linear="all"),
    *_named("shape", "permute squeeze unsqueeze stack flip roll narrow select slice index_select gather", "all"),
    *_named("shape", "chunk unbind repeat tril triu diagonal", "all"),
    Operator("pixel_shuffle", "shape", (nn.PixelShuffle,), linear="all"),
    Operator("pixel_unshuffle", "shape", (nn.PixelUnshuffle,), linear="all"),
    Operator("channel_shuffle", "shape", (nn.ChannelShuffle,), linear="all"),
    *_named(
        "shape", "zeros_like ones_like full_like new_zeros new_ones new_full copy fill zero lift_fresh_copy", "all"
    ),
    # over axes
    *_named("reduce", "sum mean", "all"),
    *_named("reduce", "amax amin max min prod var std norm logsumexp"),
    # statistics that scale
    Operator("batch_norm", "norm", (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)),
    Operator("instance_norm", "norm", (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)),
    Operator("layer_norm", "norm", (nn.LayerNorm,)),
    Operator("rms_norm", "norm", (nn.RMSNorm,)),
    Operator("group_norm", "norm", (nn.GroupNorm,)),
    # random zeros
    Operator("dropout", "noise", (nn.Dropout,)),
    *_each_dim("dropout{}d", "noise", None, "Dropout{}d"),
    Operator("alpha_dropout", "noise", (nn.AlphaDropout,)),
    Operator("feature_alpha_dropout", "noise", (nn.FeatureAlphaDropout,)),
    # nothing
    Operator("identity", "same", (nn.Identity,), linear="all"),
    *_named(
        "same", "contiguous clone detach alias data as_tensor to type type_as float double half bfloat16 cpu", "all"
    ),
    # numbers that meet
    Operator("softmax", "mixing", (nn.Softmax,), ("_softmax",)),
    Operator("log_softmax", "mixing", (nn.LogSoftmax,), ("_log_softmax",)),
    Operator("prelu", "mixing", (nn.PReLU,)),
    *_named("mixing", "glu scaled_dot_product_attention"),
)

_BY_MODULE: dict[type[nn.Module], Operator] = {kind: row for row in OPERATORS for kind in row.modules}
_BY_NAME: dict[str, Operator] = {name: row for row in OPERATORS for name in (row.name, *row.also)}
#: Functions whose own name does not say which they are.
_DISPATCHED: dict[object, str] = {
    found: name for name, found in vars(F).items() if getattr(found, "__name__", "") == "fn" and callable(found)
}
#: Python's own operators by the name of torch's; what a method with two underscores is called.
_PYTHON = {"iadd": "add", "isub": "sub", "imul": "mul", "itruediv": "div", "ipow": "pow", "imatmul": "matmul"}
_METHODS = {
    **{f"__{name}__": name for name in ("getitem", "setitem", "matmul", "pow", "abs", "neg")},
    **{f"__{name}__": plain for name, plain in _PYTHON.items()},
    **{f"__{side}{name}__": name for side in ("", "r") for name in ("add", "mul")},
    "__sub__": "sub",
    "__rsub__": "rsub",
    "__truediv__": "div",
    "__div__": "div",
}
_HOMES = frozenset(("torch", "_operator", "operator", "builtins", "math"))


def operator_of(what: object) -> Operator | None:
    """The row of a module, a module class, a function, a method by name, or an ATen operator; None where it has none.

    A subclass of a module of torch is none of them: what it does is in its own forward method.

    Example:
        >>> [operator_of(x).name for x in (nn.ReLU(), torch.relu_, F.relu, "relu", torch.ops.aten.relu.default)]
        ['relu', 'relu', 'relu', 'relu', 'relu']
    """
    if isinstance(what, nn.Module):
        return _BY_MODULE.get(type(what))
    if isinstance(what, type):
        return _BY_MODULE.get(what)
    return _BY_NAME.get(plain_name(what)) if is_of_torch(what) else None


def modules_of(*kinds: Kind, linear: bool = False) -> tuple[type[nn.Module], ...]:
    """Module classes of torch of some kinds, or those that are affine.

    Example:
        >>> nn.Linear in modules_of(linear=True), nn.Dropout in modules_of("noise")
        (True, True)
    """
    rows = (row for row in OPERATORS if row.kind in kinds or (linear and row.linear is not None))
    return tuple(kind for row in rows for kind in row.modules)


def operator_name(target: object) -> str:
    """The name of a function, a method or an ATen operator, without its overload.

    Example:
        >>> operator_name(torch.ops.aten.add.Tensor), operator_name(F.max_pool2d), operator_name("view")
        ('add', 'max_pool2d', 'view')
    """
    if isinstance(target, str):
        return target
    packet = getattr(target, "overloadpacket", target)
    named = _DISPATCHED.get(packet) if callable(packet) else None
    return named or str(getattr(packet, "__name__", packet))


def plain_name(target: object) -> str:
    """The name of a call in the table's words: writing in place, and Python's own operators, return the same.

    Example:
        >>> import operator
        >>> plain_name("add_"), plain_name(torch.relu_), plain_name("__matmul__"), plain_name(operator.imul)
        ('add', 'relu', 'matmul', 'mul')
    """
    name = operator_name(target)
    if name.endswith("__"):
        return _METHODS.get(name, name)
    return _PYTHON.get(name, name.removesuffix("_"))


def is_aten(target: object) -> bool:
    """Whether a call's target is an operator as exported programs have them.

    Example:
        >>> is_aten(torch.ops.aten.relu.default), is_aten(torch.relu)
        (True, False)
    """
    return isinstance(target, torch._ops.OpOverload)  # noqa: SLF001 - torch has no public name for it


def is_of_torch(target: object) -> bool:
    """Whether a call's target is torch's or Python's own, so that its name says what it does.

    Example:
        >>> import operator
        >>> def relu(x): return x
        >>> is_of_torch(torch.relu), is_of_torch("relu"), is_of_torch(operator.add), is_of_torch(relu)
        (True, True, True, False)
    """
    if isinstance(target, str):
        return True
    if is_aten(target):
        return str(getattr(target, "namespace", "")) == "aten"
    home = getattr(target, "__module__", None) or "torch"
    return str(home).split(".")[0] in _HOMES


def writes_by_name(target: object, arguments: Iterable[Any] = (), keywords: dict[str, Any] | None = None) -> bool:
    """Whether a call may change a tensor that others read, by its name or its options.

    Example:
        >>> writes_by_name("add_"), writes_by_name(torch.add), writes_by_name("__rsub__")
        (True, False, False)
    """
    name, options = operator_name(target), keywords or {}
    in_place = (name.endswith("_") and not name.endswith("__")) or name in _PYTHON or plain_name(target) == "setitem"
    asked = bool(options.get("inplace")) or options.get("out") is not None
    return in_place or asked or any(one is True for one in arguments)
