"""Layers with parameters: what they take, what they make, and which of the other axes they leave in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions.representation import Representation, Trivial
from haar.errors import ShapeError
from haar.nn.grid_axes import reversed_axes
from haar.nn.module import EquivariantModule
from haar.nn.pointwise import is_permutation
from haar.relax.wrapping.choices import Choices
from haar.relax.wrapping.feature import Feature, Leg
from haar.relax.wrapping.refusals import refuse, refuse_grid
from haar.relax.wrapping.step import Step, Typed, Unknown
from haar.relax.wrapping.twins import spaces_of
from haar.tracing.windows import check_window

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

Rule = Callable[[Choices, Step, Any, str], Any]


def layer_rule(module: nn.Module) -> Rule | None:
    """The rule for a layer with parameters of its own; None for anything else."""
    for kinds, one in _RULES:
        if type(module) in kinds:
            return one
    return _own if isinstance(module, EquivariantModule) else None


def _linear(choices: Choices, step: Step, module: Any, path: str) -> Typed:
    _plain(step, module)
    x = step.inputs[0]
    last = x.value.ndim - 1
    if x.feature is not None and last in x.feature.space:
        refuse(step.where, "it acts on a space axis; permute the channels to the end")
    feature = x.feature or Feature((None,) * x.value.ndim)
    if module.bias is not None:
        _shifts(step, feature, last)
    return _made(choices, step, module, path, feature, last)


def _made(  # noqa: PLR0917 (of one family)
    choices: Choices, step: Step, module: Any, path: str, feature: Feature, axis: int, *, moves: bool = False
) -> Typed:
    """The result of a layer that maps one axis: its channels as they were noted or chosen."""
    leg = feature.legs[axis]
    value = step.result
    into = Trivial(choices.group, step.inputs[0].value.shape[axis]) if leg is None else leg.rep
    out = choices.layer(step, module, path, (into, leg), value.shape[axis], moves=moves)
    return Typed(value, feature.of(axis, out))


def _shifts(step: Step, feature: Feature, axis: int) -> None:
    """A bias is the same at every place: no place may change its sign, or mix with others."""
    for place, leg in enumerate(feature.legs):
        if place != axis and leg is not None and not is_permutation(leg.rep):
            refuse(step.where, f"its bias does not move with {leg.rep.name} on axis {place}; use bias=False")


def _convolution(choices: Choices, step: Step, module: Any, path: str) -> Typed:
    _plain(step, module)
    x = step.inputs[0]
    axis = x.value.ndim - len(module.kernel_size) - 1
    feature = x.feature or Feature((None,) * x.value.ndim)
    _check_reach(step, module, feature, axis)
    if module.bias is not None:
        _shifts(step, feature, axis)
    out = _window(choices, step, module, feature) if feature.field is not None else feature
    grid = feature.field is not None and choices.group.space_dim is not None
    shape = step.result.shape
    legs = [leg if k == axis or leg is None or leg.rep.dim == shape[k] else None for k, leg in enumerate(out.legs)]
    return _made(choices, step, module, path, Feature(tuple(legs), out.space, out.field), axis, moves=grid)


def _check_reach(step: Step, module: Any, feature: Feature, axis: int) -> None:
    """A kernel reaches over the points of a field, or over nothing that moves."""
    dims, places = len(module.kernel_size), tuple(range(axis + 1, step.inputs[0].value.ndim))
    if feature.field is not None and (feature.space != places or feature.field.dim != dims):
        refuse(step.where, f"it needs a field with its channels first and {dims} space axes")
    if set(module.kernel_size) | set(module.stride) == {1}:
        return
    if any(leg is not None and not step.elements.still(leg.rep) for leg in feature.legs[axis + 1 :]):
        refuse(step.where, "its kernel reaches over points that move")
    if feature.field is None and step.elements.group.space_dim is not None and not feature.still(step.elements):
        refuse(step.where, "it needs a field with its channels first")


def _window(choices: Choices, step: Step, module: Any, feature: Feature) -> Feature:
    """How the points move behind a window with one channel and a kernel that the group keeps."""
    kind = type(module)
    if set(module.kernel_size) | set(module.stride) == {1} and not _pads(module):
        return feature  # it sees one point at a time
    settings = {
        name: getattr(module, name) for name in ("kernel_size", "stride", "padding", "dilation", "padding_mode")
    }
    if kind in TRANSPOSED:
        settings["output_padding"] = module.output_padding
    x = step.inputs[0].value
    alone = kind(1, 1, **settings, bias=False).to(x)
    with torch.no_grad():
        alone.weight.copy_(choices.kernel(tuple(module.kernel_size)))
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
        step.elements,
    )
    try:
        found = tried.features().feature
    except Unknown:
        found = None
    if found is None or found.space != feature.space:
        check_windows(step, module, feature)
        why = (
            "output_padding on one side only: use output_padding=0"
            if any(settings.get("output_padding", (0,)))
            else "its window"
        )
        refuse_grid(step, why)
    return Feature(feature.legs, found.space, found.field)


def _pads(module: Any) -> bool:
    padded = module.padding not in ("same", "valid") and any(module.padding)
    return padded or any(module.output_padding)


def _embedding(choices: Choices, step: Step, module: Any, path: str) -> Typed:
    _plain(step, module)
    moves = step.inputs[0].feature is not None and not step.inputs[0].feature.still(step.elements)
    if moves or module.max_norm is not None or module.scale_grad_by_freq or module.sparse:
        refuse(step.where, "indices that move, or options that change the table")
    into = Trivial(choices.group, module.num_embeddings)
    out = choices.layer(step, module, path, (into, None), module.embedding_dim)
    return Typed(step.result, Feature((*(None,) * (step.result.ndim - 1), out)))


def _norm(choices: Choices, step: Step, module: Any, path: str) -> Any:
    """A norm, or another layer with numbers for every channel, run with numbers that the group shares."""
    _plain(step, module)
    x = step.inputs[0]
    if x.feature is None:
        return Typed(step.result, None)
    _check_statistics(step, module)
    axis = _normed_axis(step, module, x.feature)
    single = isinstance(module, nn.PReLU) and module.num_parameters == 1
    there = axis < x.value.ndim
    leg = x.feature.legs[axis] if there and not single else None
    rep = Trivial(choices.group, x.value.shape[axis] if there else 1) if leg is None else leg.rep
    if not _shared(step, module, None if single else rep)(x.feature):
        for legs in choices.other_forms(leg, [[getattr(module, "num_groups", 0)]]):
            if leg is not None and _shared(step, module, legs[leg])(x.feature.swapped(legs)):
                choices.noted.again(legs)
        refuse(step.where, _norm_reason(module, rep))
    if leg is not None and _has_numbers(module):
        choices.layer(step, module, path, (rep, leg), rep.dim, keeps=True)
    return Typed(step.result, x.feature)


def _check_statistics(step: Step, module: Any) -> None:
    """Running ones are of whole batches, and those of a batch are not taken in eval mode."""
    if isinstance(module, _INSTANCE_NORMS) and module.track_running_stats:
        refuse(step.where, "running statistics of instances")
    if isinstance(module, _BATCH_NORMS) and not module.track_running_stats:
        refuse(step.where, "statistics of the batch in eval mode mix samples")


def _has_numbers(module: nn.Module) -> bool:
    """Whether there is a number for every channel."""
    return any(True for _ in module.parameters()) or getattr(module, "running_var", None) is not None


def _normed_axis(step: Step, module: Any, feature: Feature) -> int:
    """The axis of channels; a norm over the last axes must run over one that is none of space."""
    if not isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        return 1
    axis = step.inputs[0].value.ndim - 1
    if len(module.normalized_shape) != 1 or axis in feature.space:
        refuse(step.where, f"over {tuple(module.normalized_shape)}; only over channels that stand last")
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


def _own(choices: Choices, step: Step, module: Any, path: str) -> Any:
    """A module that is equivariant by construction."""
    del path
    if module.rep_in.group != choices.group:
        refuse(step.where, f"it belongs to another group object, {module.rep_in.group.name}")
    x = step.inputs[0]
    if x.feature is None:
        refuse(step.where, "what comes does not move")
    axis = (
        x.value.ndim - 1
        if getattr(module, "channels", "last") == "last" or not x.feature.space
        else x.feature.space[0] - 1
    )
    leg = x.feature.legs[axis]
    choices.meet(leg, module.rep_in, step.where)
    legs: list[Leg | None] = [None] * step.result.ndim
    feature: Feature
    if step.result.ndim == x.value.ndim:
        feature = x.feature.of(axis, Leg(module.rep_out))
    else:
        legs[-1] = Leg(module.rep_out)
        feature = Feature(tuple(legs))
    return Typed(step.result, feature)


def _plain(step: Step, module: Any) -> None:
    """Only torch's own parameters, and initialised: no parametrisation, no weight norm."""
    parameters = module._parameters  # noqa: SLF001 (torch's own list)
    if not set(parameters) <= {"weight", "bias"}:
        refuse(step.where, f"parameters {', '.join(parameters)}")
    if getattr(module, "weight", None) is not parameters.get("weight"):
        refuse(step.where, "a weight that is computed from others")


def check_windows(step: Step, module: Any, feature: Feature) -> None:
    """Strides must treat both ends of a reversed axis alike.

    Raises:
        ShapeError: Saying which sizes would do.
    """
    if feature.field is None or step.elements.group.space_dim is None or not hasattr(module, "kernel_size"):
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
                refuse(step.where, "an even kernel with padding 'same' pads one side more: use an odd one")
            continue
        pads = 0 if padding == "valid" else _each(padding, len(space))[axis]
        try:
            check_window(space, (axis,), kernel=kernel, stride=stride, padding=pads, dilation=dilation)
        except ShapeError as error:
            raise ShapeError(
                "model",
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
