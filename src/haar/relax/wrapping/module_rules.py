"""What modules do to the features that pass through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions.representation import Representation
from haar.errors import ShapeError
from haar.nn.grid_axes import reversed_axes
from haar.nn.module import EquivariantModule
from haar.nn.pointwise import is_permutation
from haar.relax.wrapping.channels import Channels
from haar.relax.wrapping.feature import Feature
from haar.relax.wrapping.operations import function_rule, regrouped, unknown, window
from haar.relax.wrapping.propagation import Call, Scene
from haar.tracing.windows import check_window

_POINTWISE = (
    nn.ReLU, nn.ReLU6, nn.SiLU, nn.GELU, nn.ELU, nn.SELU, nn.CELU, nn.LeakyReLU, nn.RReLU, nn.Tanh, nn.Sigmoid,
    nn.Softplus, nn.Mish, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Softsign, nn.Tanhshrink, nn.Softshrink,
    nn.Hardshrink, nn.LogSigmoid, nn.Threshold,
)  # fmt: skip
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_POOLS = tuple(
    getattr(nn, f"{kind}Pool{dim}d") for kind in ("Avg", "Max", "AdaptiveAvg", "AdaptiveMax") for dim in (1, 2, 3)
)
_CONVOLUTIONS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def rule(scene: Scene, call: Call) -> Any:
    """The feature of what a step of a network returns."""
    module = call.module
    if module is None:
        return function_rule(scene, call)
    feature = call.types[0] if call.types else None
    if isinstance(feature, list | tuple | dict):
        return scene.refuse(call.where, "several tensors at once")
    for kinds, one in _RULES:
        if type(module) in kinds:
            return one(scene, call, feature)
    if isinstance(module, EquivariantModule):
        return _own(scene, call, feature)
    moving = [kind for kind in call.types if isinstance(kind, Feature)]
    return unknown(scene, call, moving)


def _linear(scene: Scene, call: Call, feature: Feature | None) -> Feature:
    module = call.module
    _plain(scene, call)
    if feature is not None and feature.field is not None and feature.field.channels != "last":
        scene.refuse(call.where, "it acts on a space axis; permute the channels to the end")
    out = scene.layer(call, feature, module.in_features, module.out_features)  # type: ignore[union-attr, arg-type]
    return Feature(out) if feature is None else feature.of(out)


def _convolution(scene: Scene, call: Call, feature: Feature | None) -> Feature:
    module: Any = call.module
    _plain(scene, call)
    if feature is None or feature.field is None or feature.field.channels != "first":
        scene.refuse(call.where, "it needs a field with its channels first")
    if feature.field.dim != _CONVOLUTIONS[type(module)]:
        scene.refuse(call.where, f"the field has {feature.field.dim} space axes")
    _check_windows(scene, call, feature, module)
    return feature.of(scene.layer(call, feature, module.in_channels, module.out_channels))


def _embedding(scene: Scene, call: Call, feature: Feature | None) -> Feature:
    module: Any = call.module
    _plain(scene, call)
    if feature is not None or module.max_norm is not None or module.scale_grad_by_freq or module.sparse:
        scene.refuse(call.where, "indices that move, or options that change the table")
    return Feature(scene.layer(call, None, module.num_embeddings, module.embedding_dim))


def _layer_norm(scene: Scene, call: Call, feature: Feature | None) -> Feature | None:
    module: Any = call.module
    _plain(scene, call)
    if feature is None:
        return None
    last = feature.field is None or feature.field.channels == "last"
    if len(module.normalized_shape) != 1 or not last:
        scene.refuse(call.where, f"over {tuple(module.normalized_shape)}; only over channels that stand last")

    def centred(rep: Representation) -> str:
        ones = torch.ones(rep.dim, dtype=torch.float64)
        some = torch.cat([rep.group.generators(), rep.group.sample(2, torch.Generator().manual_seed(0))])
        if float((rep.act(some, ones.expand(len(some), -1)) - ones).abs().max()) < 1e-9:
            return ""
        return f"the mean over {rep.name} moves; use nn.RMSNorm, or haar.nn.LayerNorm"

    if type(module) is nn.LayerNorm:
        scene.demand(feature.channels, centred, call.where)
    return _noted(scene, call, feature)


def _group_norm(scene: Scene, call: Call, feature: Feature | None) -> Feature | None:
    module: Any = call.module
    _plain(scene, call)
    if feature is None:
        return None
    if call.args[0].ndim > 2 and feature.field is None:
        scene.refuse(call.where, "its channels are on axis 1, which does not carry them")
    size = module.num_channels // module.num_groups

    def mapped(rep: Representation) -> str:
        if not is_permutation(rep):
            return f"the means over {rep.name} move"
        index, _ = rep.signed_permutation(rep.group.generators())
        of_group = torch.arange(rep.dim) // size
        moved = of_group[index].unflatten(-1, (module.num_groups, size))
        whole = bool((moved == moved[..., :1]).all())
        return "" if whole else f"{module.num_groups} groups of {size} channels are torn apart by {rep.name}"

    scene.demand(feature.channels, mapped, call.where)
    return _noted(scene, call, feature)


def _instance_norm(scene: Scene, call: Call, feature: Feature | None) -> Feature | None:
    module: Any = call.module
    _plain(scene, call)
    if feature is None:
        return None
    if module.track_running_stats:
        scene.refuse(call.where, "running statistics of instances")
    if feature.field is None or feature.field.channels != "first" or call.args[0].ndim != feature.field.dim + 2:
        scene.refuse(call.where, "it needs a field with its channels first")

    def signed(rep: Representation) -> str:
        return "" if rep.is_signed_permutation else f"the variances of {rep.name} mix"

    scene.demand(feature.channels, signed, call.where)
    return _noted(scene, call, feature)


def _batch_norm(scene: Scene, call: Call, feature: Feature | None) -> Feature | None:
    module: Any = call.module
    _plain(scene, call)
    if feature is None:
        return None
    if not module.track_running_stats:
        scene.refuse(call.where, "statistics of the batch in eval mode mix samples")
    if call.args[0].ndim > 2 and (feature.field is None or feature.field.channels != "first"):
        scene.refuse(call.where, "its channels are on axis 1, which does not carry them")
    return _noted(scene, call, feature)


def _prelu(scene: Scene, call: Call, feature: Feature | None) -> Feature | None:
    module: Any = call.module
    if feature is None:
        return None
    shared = module.num_parameters == 1
    if not shared and call.args[0].ndim > 2 and feature.field is None:
        scene.refuse(call.where, "its channels are on axis 1, which does not carry them")
    scene.permuted(feature, "a bend", call.where)
    return feature if shared else _noted(scene, call, feature)


def _noted(scene: Scene, call: Call, feature: Feature) -> Feature:
    """A norm keeps the representation; it is noted if something of it is per channel."""
    module: Any = call.module
    own = module._parameters.values()  # noqa: SLF001 (torch's own list)
    if any(value is not None for value in own) or getattr(module, "running_var", None) is not None:
        if call.path in scene.fixed:
            scene.join(feature.channels, Channels.known(scene.fixed[call.path][0]), call.where)
        scene.noted(call, feature, feature.channels, feature.channels)
    return feature


def _pointwise(scene: Scene, call: Call, feature: Feature | None) -> Feature | None:
    def function(x: Tensor) -> Tensor:
        out: Tensor = call.run(x.clone())
        return out

    return None if feature is None else scene.pointwise(feature, function, call.where)


def _dropout(scene: Scene, call: Call, feature: Feature | None) -> Feature | None:
    if feature is not None:
        scene.dropouts[call.path] = feature
    return feature


def _same(scene: Scene, call: Call, feature: Feature | None) -> Feature | None:
    del scene, call
    return feature


def _softmax(scene: Scene, call: Call, feature: Feature | None) -> Feature | None:
    return None if feature is None else scene.permuted(feature, "a softmax", call.where)


def _pool(scene: Scene, call: Call, feature: Feature | None) -> Feature | None:
    if feature is None:
        return None
    found = window(scene, call, feature, type(call.module).__name__.lower())
    if hasattr(call.module, "kernel_size"):
        _check_windows(scene, call, feature, call.module)
    return found


def _flatten(scene: Scene, call: Call, feature: Feature | None) -> Feature | None:
    return None if feature is None else regrouped(scene, call, feature)


def _own(scene: Scene, call: Call, feature: Feature | None) -> Feature:
    """A module that is equivariant by construction."""
    module: Any = call.module
    if module.rep_in.group is not scene.symmetry.group:
        scene.refuse(call.where, f"it belongs to another group object, {module.rep_in.group.name}")
    if feature is None:
        scene.refuse(call.where, "what comes does not move")
    scene.join(feature.channels, Channels.known(module.rep_in), call.where)
    rest = (
        Feature(feature.channels)
        if module.channels_out == "last" and feature.field is not None and feature.field.channels == "first"
        else feature
    )
    return rest.of(Channels.known(module.rep_out))


def _plain(scene: Scene, call: Call) -> None:
    """Only torch's own parameters, and initialised: no parametrisation, no weight norm."""
    parameters = call.module._parameters  # type: ignore[union-attr]  # noqa: SLF001 (torch's own list)
    if not set(parameters) <= {"weight", "bias"}:
        scene.refuse(call.where, f"parameters {', '.join(parameters)}")
    if getattr(call.module, "weight", None) is not parameters.get("weight"):
        scene.refuse(call.where, "a weight that is computed from others")


def _check_windows(scene: Scene, call: Call, feature: Feature, module: Any) -> None:
    """Strides must treat both ends of a reversed axis alike."""
    if feature.field is None or feature.field.group.space_dim is None:
        return
    space = [call.args[0].shape[axis] for axis in feature.space(call.args[0].ndim)]
    axes = reversed_axes(feature.field.group)
    settings = [
        _each(getattr(module, name, default), len(space))
        for name, default in (("kernel_size", 1), ("stride", 1), ("dilation", 1))
    ]
    for axis in axes:
        kernel, stride, dilation = (each[axis] for each in settings)
        padding = module.padding
        if padding == "same":
            if dilation * (kernel - 1) % 2:
                scene.refuse(call.where, "an even kernel with padding 'same' pads one side more: use an odd one")
            continue
        pads = 0 if padding == "valid" else _each(padding, len(space))[axis]
        try:
            check_window([space[axis]], (0,), kernel=kernel, stride=stride, padding=pads, dilation=dilation)
        except ShapeError as error:
            raise ShapeError(
                "module",
                expected=f"in {call.where} {error.expected}",
                got=error.got,
                way_out=f"{error.way_out}; {_sizes(space[axis], kernel, stride, pads, dilation)} work here",
            ) from None


def _sizes(n: int, kernel: int, stride: int, padding: int, dilation: int) -> str:
    """Sizes near n for which windows are symmetric."""
    span = dilation * (kernel - 1) + 1
    fits = [
        m
        for m in range(max(span - 2 * padding, n - stride), n + 2 * stride + 1)
        if (m + 2 * padding - span) % stride == 0
    ]
    return ", ".join(map(str, fits))


def _each(value: Any, count: int) -> list[int]:
    return [int(value)] * count if isinstance(value, int) else [int(v) for v in value]


ModuleRule = Callable[[Scene, Call, Feature | None], Any]
_RULES: tuple[tuple[tuple[type[nn.Module], ...], ModuleRule], ...] = (
    ((nn.Linear,), _linear),
    (tuple(_CONVOLUTIONS), _convolution),
    ((nn.Embedding,), _embedding),
    ((nn.LayerNorm, nn.RMSNorm), _layer_norm),
    ((nn.GroupNorm,), _group_norm),
    (_INSTANCE_NORMS, _instance_norm),
    (_BATCH_NORMS, _batch_norm),
    ((nn.PReLU,), _prelu),
    (_POINTWISE, _pointwise),
    (_DROPOUTS, _dropout),
    ((nn.Identity,), _same),
    ((nn.Softmax, nn.LogSoftmax), _softmax),
    ((*_POOLS, nn.Upsample, nn.ZeroPad1d, nn.ZeroPad2d, nn.CircularPad1d, nn.CircularPad2d), _pool),
    ((nn.Flatten, nn.Unflatten), _flatten),
)
