"""Layers with parameters: what they take, what they make, and which of the other axes they leave in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from haar.actions.representation import Representation, Trivial
from haar.errors import ShapeError
from haar.nn.grid_axes import reversed_axes
from haar.nn.module import EquivariantModule
from haar.nn.pointwise import is_permutation
from haar.relax.wrapping.feature import Feature, Leg
from haar.relax.wrapping.projection import TensorProjection
from haar.relax.wrapping.step import Step, Typed, Unknown
from haar.relax.wrapping.twins import kernel_points, spaces_of
from haar.tracing.windows import check_window

if TYPE_CHECKING:
    from haar.relax.wrapping.walk import Walk

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

Rule = Callable[["Walk", Step, Any, str], Any]


def layer_rule(module: nn.Module) -> Rule | None:
    """The rule for a layer with parameters of its own; None for anything else."""
    for kinds, one in _RULES:
        if type(module) in kinds:
            return one
    return _own if isinstance(module, EquivariantModule) else None


def _linear(walk: Walk, step: Step, module: Any, path: str) -> Typed:
    _plain(walk, step, module)
    x = step.inputs[0]
    last = x.value.ndim - 1
    if x.feature is not None and last in x.feature.space:
        walk.refuse(step.where, "it acts on a space axis; permute the channels to the end")
    feature = x.feature or Feature((None,) * x.value.ndim)
    if module.bias is not None:
        _shifts(walk, step, feature, last)
    return _made(walk, step, module, path, feature, last)


def _made(walk: Walk, step: Step, module: Any, path: str, feature: Feature, axis: int, moves: bool = False) -> Typed:  # noqa: FBT001, FBT002, PLR0917 (of one family)
    """The result of a layer that maps one axis: its channels as they were noted or chosen."""
    leg = feature.legs[axis]
    value = step.result
    into = Trivial(walk.group, step.inputs[0].value.shape[axis]) if leg is None else leg.rep
    out = walk.layer(step, module, path, (into, leg), value.shape[axis], moves=moves)
    return Typed(value, feature.of(axis, out))


def _shifts(walk: Walk, step: Step, feature: Feature, axis: int) -> None:
    """A bias is the same at every place: no place may change its sign, or mix with others."""
    for place, leg in enumerate(feature.legs):
        if place != axis and leg is not None and not is_permutation(leg.rep):
            walk.refuse(step.where, f"its bias does not move with {leg.rep.name} on axis {place}; use bias=False")


def _convolution(walk: Walk, step: Step, module: Any, path: str) -> Typed:
    _plain(walk, step, module)
    x = step.inputs[0]
    dims = len(module.kernel_size)
    axis = x.value.ndim - dims - 1
    feature = x.feature or Feature((None,) * x.value.ndim)
    places = tuple(range(axis + 1, x.value.ndim))
    if feature.field is not None and (feature.space != places or feature.field.dim != dims):
        walk.refuse(step.where, f"it needs a field with its channels first and {dims} space axes")
    moved = [leg for place in places if (leg := feature.legs[place]) is not None and not walk.elements.still(leg.rep)]
    size = set(module.kernel_size) | set(module.stride)
    if moved and size != {1}:
        walk.refuse(step.where, "its kernel reaches over points that move")
    if feature.field is None and walk.group.space_dim is not None and size != {1} and not feature.still(walk.elements):
        walk.refuse(step.where, "it needs a field with its channels first")
    if module.bias is not None:
        _shifts(walk, step, feature, axis)
    out = _window(walk, step, module, feature) if feature.field is not None else feature
    grid = feature.field is not None and walk.group.space_dim is not None
    shape = step.result.shape
    legs = [
        None if leg is not None and leg.rep.dim != shape[k] and k != axis else leg for k, leg in enumerate(out.legs)
    ]
    return _made(walk, step, module, path, Feature(tuple(legs), out.space, out.field), axis, moves=grid)


def _window(walk: Walk, step: Step, module: Any, feature: Feature) -> Feature:
    """How the points move behind a window with one channel and a kernel that the group keeps."""
    kind = type(module)
    settings = {
        name: getattr(module, name) for name in ("kernel_size", "stride", "padding", "dilation", "padding_mode")
    }
    if kind in TRANSPOSED:
        settings["output_padding"] = module.output_padding
    x = step.inputs[0].value
    alone = kind(1, 1, **settings, bias=False).to(x)
    size = tuple(module.kernel_size)
    points = kernel_points(Trivial(walk.group), size)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(int(torch.tensor(size).prod()), generator=generator, dtype=torch.float64)
    space = TensorProjection([points], drawn.shape)
    with torch.no_grad():
        alone.weight.copy_(space(drawn).reshape(1, 1, *size))
    axis = feature.space[0] - 1
    one = x.narrow(axis, 0, 1)
    bare = Feature((None,) * x.ndim, feature.space, feature.field)
    sample = tuple(step.result.narrow(axis, 0, 1).shape)
    tried = Step(
        step.where,
        step.name,
        (Typed(one, bare),),
        lambda values: alone(values[0]),
        one.new_zeros(sample),
        walk.elements,
    )
    try:
        found = tried.features().feature
    except Unknown:
        found = None
    if found is None or found.space != feature.space:
        check_windows(walk, step, module, feature)
        why = (
            "output_padding on one side only: use output_padding=0"
            if any(settings.get("output_padding", (0,)))
            else "its window"
        )
        walk.refuse_grid(step, why)
    return Feature(feature.legs, found.space, found.field)


def _embedding(walk: Walk, step: Step, module: Any, path: str) -> Typed:
    _plain(walk, step, module)
    moves = step.inputs[0].feature is not None and not step.inputs[0].feature.still(walk.elements)
    if moves or module.max_norm is not None or module.scale_grad_by_freq or module.sparse:
        walk.refuse(step.where, "indices that move, or options that change the table")
    into = Trivial(walk.group, module.num_embeddings)
    out = walk.layer(step, module, path, (into, None), module.embedding_dim)
    return Typed(step.result, Feature((*(None,) * (step.result.ndim - 1), out)))


def _norm(walk: Walk, step: Step, module: Any, path: str) -> Any:
    """A norm, or another layer with numbers for every channel, run with numbers that the group shares."""
    _plain(walk, step, module)
    x = step.inputs[0]
    if x.feature is None:
        return Typed(step.result, None)
    if isinstance(module, _INSTANCE_NORMS) and module.track_running_stats:
        walk.refuse(step.where, "running statistics of instances")
    if isinstance(module, _BATCH_NORMS) and not module.track_running_stats:
        walk.refuse(step.where, "statistics of the batch in eval mode mix samples")
    last = isinstance(module, (nn.LayerNorm, nn.RMSNorm))
    axis = _normed_axis(walk, step, module, x) if last else 1
    single = isinstance(module, nn.PReLU) and module.num_parameters == 1
    leg = None if single or x.value.ndim <= axis else x.feature.legs[axis]
    width = 1 if x.value.ndim <= axis else x.value.shape[axis]
    rep = Trivial(walk.group, width) if leg is None else leg.rep
    if not _shared(step, module, None if single else rep)(x.feature):
        for legs in walk.other_forms(leg, [[getattr(module, "num_groups", 0)]]):
            if leg is not None and _shared(step, module, legs[leg])(x.feature.swapped(legs)):
                walk.again(legs)
        walk.refuse(step.where, _norm_reason(module, rep))
    own = [value for value in module.parameters() if value is not None]
    if leg is not None and (own or getattr(module, "running_var", None) is not None):
        walk.layer(step, module, path, (rep, leg), rep.dim, keeps=True)
    return Typed(step.result, x.feature)


def _normed_axis(walk: Walk, step: Step, module: Any, x: Typed) -> int:
    """The axis of a norm over the last one; others over which it runs must carry nothing."""
    count = len(module.normalized_shape)
    axis = x.value.ndim - 1
    if count != 1 or x.feature is None or axis in x.feature.space:
        walk.refuse(step.where, f"over {tuple(module.normalized_shape)}; only over channels that stand last")
    return axis


def _shared(step: Step, module: Any, rep: Representation | None) -> Callable[[Feature], bool]:
    """Whether a layer keeps a feature when its numbers are those that the group shares."""
    values = _shared_values(module, rep)
    value = step.inputs[0].value
    values = {name: v.to(value) for name, v in values.items()}
    core = type(module).forward

    def call(tensors: Any) -> Any:
        return torch.func.functional_call(
            _Bare(module, core), {f"module.{k}": v for k, v in values.items()}, (tensors[0].clone(),)
        )

    def keeps(feature: Feature) -> bool:
        tried = Step(step.where, step.name, (Typed(value, feature),), call, step.result, step.elements)
        return tried.keeps(feature)

    return keeps


class _Bare(nn.Module):
    """A module without its hooks."""

    def __init__(self, module: nn.Module, forward: Any) -> None:
        super().__init__()
        self.module, self._how = module, forward

    def forward(self, x: Tensor) -> Any:
        return self._how(self.module, x)


def _shared_values(module: Any, rep: Representation | None) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    held = {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
    if rep is None:
        return {}
    spaces = spaces_of(module, rep, rep, where=type(module).__name__)
    drawn = {}
    for name, space in spaces.items():
        noise = torch.randn(held[name].shape, generator=generator, dtype=torch.float64)
        drawn[name] = space(noise.abs() + 0.5 if name in ("weight", "running_var") else noise)
    return drawn


def _norm_reason(module: Any, rep: Representation) -> str:
    if isinstance(module, nn.GroupNorm):
        size = module.num_channels // module.num_groups
        if not is_permutation(rep):
            return f"the means over {rep.name} move"
        return f"{module.num_groups} groups of {size} channels are torn apart by {rep.name}"
    if isinstance(module, _INSTANCE_NORMS):
        return f"the variances of {rep.name} mix"
    if isinstance(module, nn.PReLU):
        return f"a bend needs channels that are only permuted, not {rep.name}"
    if isinstance(module, nn.LayerNorm):
        return f"the mean over {rep.name} moves; use nn.RMSNorm, or haar.nn.LayerNorm"
    return f"what it does to {rep.name} does not move with it"


def _own(walk: Walk, step: Step, module: Any, path: str) -> Any:
    """A module that is equivariant by construction."""
    del path
    if module.rep_in.group is not walk.group:
        walk.refuse(step.where, f"it belongs to another group object, {module.rep_in.group.name}")
    x = step.inputs[0]
    if x.feature is None:
        walk.refuse(step.where, "what comes does not move")
    axis = (
        x.value.ndim - 1
        if getattr(module, "channels", "last") == "last" or not x.feature.space
        else x.feature.space[0] - 1
    )
    leg = x.feature.legs[axis]
    walk.meet(leg, module.rep_in, step.where)
    legs: list[Leg | None] = [None] * step.result.ndim
    feature: Feature
    if step.result.ndim == x.value.ndim:
        feature = x.feature.of(axis, Leg(module.rep_out))
    else:
        legs[-1] = Leg(module.rep_out)
        feature = Feature(tuple(legs))
    return Typed(step.result, feature)


def _plain(walk: Walk, step: Step, module: Any) -> None:
    """Only torch's own parameters, and initialised: no parametrisation, no weight norm."""
    parameters = module._parameters  # noqa: SLF001 (torch's own list)
    if not set(parameters) <= {"weight", "bias"}:
        walk.refuse(step.where, f"parameters {', '.join(parameters)}")
    if getattr(module, "weight", None) is not parameters.get("weight"):
        walk.refuse(step.where, "a weight that is computed from others")


def check_windows(walk: Walk, step: Step, module: Any, feature: Feature) -> None:
    """Strides must treat both ends of a reversed axis alike.

    Raises:
        ShapeError: Saying which sizes would do.
    """
    if feature.field is None or walk.group.space_dim is None or not hasattr(module, "kernel_size"):
        return
    if type(module) in TRANSPOSED:
        return
    space = [step.inputs[0].value.shape[axis] for axis in feature.space]
    settings = [
        _each(getattr(module, name, default) or default, len(space))
        for name, default in (("kernel_size", 1), ("stride", 1), ("dilation", 1))
    ]
    for axis in reversed_axes(feature.field.group):
        kernel, stride, dilation = (each[axis] for each in settings)
        padding = module.padding
        if padding == "same":
            if dilation * (kernel - 1) % 2:
                walk.refuse(step.where, "an even kernel with padding 'same' pads one side more: use an odd one")
            continue
        pads = 0 if padding == "valid" else _each(padding, len(space))[axis]
        try:
            check_window([space[axis]], (0,), kernel=kernel, stride=stride, padding=pads, dilation=dilation)
        except ShapeError as error:
            raise ShapeError(
                "module",
                expected=f"in {step.where} {error.expected}",
                got=error.got,
                way_out=f"{error.way_out}; {_fitting(space[axis], kernel, stride, pads, dilation)} work here",
            ) from None


def _fitting(n: int, kernel: int, stride: int, padding: int, dilation: int) -> str:
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


_RULES: tuple[tuple[tuple[type[nn.Module], ...], Rule], ...] = (
    ((nn.Linear,), _linear),
    ((*CONVOLUTIONS, *TRANSPOSED), _convolution),
    ((nn.Embedding,), _embedding),
    ((nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, *_INSTANCE_NORMS, *_BATCH_NORMS, nn.PReLU), _norm),
)
