"""What the steps of a network do to the features that pass through them: functions and methods."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from haar.actions.representation import Trivial
from haar.nn.representations import same_representation
from haar.relax.wrapping.channels import Channels, split
from haar.relax.wrapping.feature import Feature, GridPoints
from haar.relax.wrapping.propagation import Call, Scene

#: Functions of every number by itself, whatever their further arguments are.
POINTWISE = frozenset((
    "relu", "relu6", "silu", "gelu", "elu", "selu", "celu", "leaky_relu", "rrelu", "tanh", "sigmoid",
    "softplus", "mish", "hardtanh", "hardswish", "hardsigmoid", "softsign", "tanhshrink", "softshrink",
    "hardshrink", "logsigmoid", "threshold", "abs", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "sin",
    "cos", "square", "pow", "clamp", "clamp_min", "clamp_max", "sign", "erf", "reciprocal", "sinh", "cosh",
    "atan", "nan_to_num",
))  # fmt: skip
#: What leaves a tensor in its place.
SAME = frozenset((
    "contiguous", "clone", "detach", "to", "float", "double", "half", "bfloat16", "type_as", "cpu", "dropout",
    "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "neg", "requires_grad",
    "identity",
))  # fmt: skip
#: Windows on grids; a maximum needs channels that are only permuted.
WINDOWS = frozenset(
    f"{kind}{dim}d" for kind in ("avg_pool", "max_pool", "adaptive_avg_pool", "adaptive_max_pool") for dim in (1, 2, 3)
) | {"interpolate", "pad"}
_IN_PLACE = {"iadd": "add", "isub": "sub", "imul": "mul", "itruediv": "div", "truediv": "div", "ipow": "pow"}

Rule = Callable[[Scene, Call, Feature], Any]


def function_rule(scene: Scene, call: Call) -> Any:
    """The feature of what a function or method returns."""
    name = _IN_PLACE.get(call.name, call.name).removesuffix("_")
    if name == "getitem" and isinstance(call.args[0], (tuple, list, dict)):
        kinds = call.types[0]
        return None if kinds is None else kinds[call.args[1]]
    if not tensors(call.result):
        return None
    moving = [kind for kind in _flat(call.types) if isinstance(kind, Feature)]
    if not moving:
        return None
    if name in ("add", "sub", "mul", "div"):
        return _binary(scene, call, name)
    if name in ("cat", "concat", "concatenate", "stack"):
        return _joined(scene, call, name)
    first = call.types[0] if call.types and isinstance(call.types[0], Feature) else None
    if first is not None and len(moving) == 1:
        if name in POINTWISE:
            return scene.pointwise(first, _alone(call), call.where)
        if name in SAME:
            return first
        if name in WINDOWS:
            return window(scene, call, first, name)
        if name in _RULES:
            return _RULES[name](scene, call, first)
    return unknown(scene, call, moving)


def unknown(scene: Scene, call: Call, moving: list[Feature]) -> None:
    """A step without a rule: fine where nothing moves, else refused."""
    still = [scene.still(kind) for kind in moving]  # all are asked: each may settle some channels
    if not all(still):
        scene.refuse(call.where)


def tensors(value: Any) -> bool:
    """Whether a value holds a tensor."""
    if isinstance(value, (tuple, list)):
        return any(tensors(part) for part in value)
    return isinstance(value, Tensor)


def window(scene: Scene, call: Call, feature: Feature, name: str) -> Feature:
    """Pooling, padding, resizing: the space axes change their length, and nothing else."""
    if feature.field is None or feature.field.channels != "first" or call.result.ndim != call.args[0].ndim:
        scene.refuse(call.where, "it needs a field with its channels first")
    if (
        call.result.shape[: feature.axis(call.result.ndim) + 1]
        != call.args[0].shape[: feature.axis(call.args[0].ndim) + 1]
    ):
        scene.refuse(call.where, "it changes the channels")
    return scene.permuted(feature, "a maximum", call.where) if "max" in name else feature


def regrouped(scene: Scene, call: Call, feature: Feature) -> Feature:  # noqa: RET503 (a refusal raises)
    """Flatten and reshape, told by the shapes before and after."""
    old, new = tuple(call.args[0].shape), tuple(call.result.shape)
    if old == new:
        return feature
    channels, axis = feature.channels, feature.axis(len(old))
    if feature.field is not None:
        space = tuple(old[k] for k in feature.space(len(old)))
        if new == (*old[: len(old) - 1 - len(space)], channels.width * math.prod(space)):
            points = GridPoints(feature.field, space)
            return Feature(channels.at(points, outer=feature.field.channels == "last"))
        scene.refuse(call.where, f"from {old} to {new}")
    if feature.relabel is not None:
        if new == (*old[:-2], old[-2] * old[-1]):
            return Feature(channels.at(feature.relabel, outer=True))
        scene.refuse(call.where, f"from {old} to {new}")
    if new[-1] == old[-1]:
        return feature
    if len(old) > 1 and new == (*old[:-2], old[-2] * old[-1]):
        return Feature(Channels.side_by_side([channels] * old[-2]))
    if new[:axis] == old[:-1] and len(new) == len(old) + 1 and channels.found().rep is not None:
        pieces = split(channels.representation(), [new[-1]] * new[-2])
        if pieces is not None and all(same_representation(pieces[0], piece) for piece in pieces[1:]):
            return Feature(Channels.known(pieces[0]))
    if scene.grid is not None and new == (*old, *[1] * scene.grid.dim):
        return on_grid(scene, feature)
    scene.refuse(call.where, f"from {old} to {new}")


def on_grid(scene: Scene, feature: Feature) -> Feature:
    """A vector as a field that is the same at every point."""
    grid = scene.grid
    if grid is None or feature.field is not None or feature.relabel is not None:
        scene.refuse("new axes", "only a vector can become a field")
    trivial = Trivial(grid.group)
    return Feature(feature.channels, field=grid.with_rep(trivial, channels="first"))


def _binary(scene: Scene, call: Call, name: str) -> Feature:
    one, other = (*call.types[:2], None)[:2] if len(call.types) > 1 else (call.types[0], None)
    if one is None or other is None:
        return _with_unmoved(scene, call, name, first=one is None)
    if not isinstance(one, Feature) or not isinstance(other, Feature):
        scene.refuse(call.where)
    shapes = [tuple(call.args[0].shape), tuple(call.args[1].shape)]
    apart = one.relabel is not other.relabel and all(len(shape) > 1 and shape[-2] > 1 for shape in shapes)
    if (one.field is None) != (other.field is None) or len(shapes[0]) != len(shapes[1]) or apart:
        scene.refuse(call.where, f"axes {shapes[0]} and {shapes[1]} move differently")
    larger = one if math.prod(shapes[0]) >= math.prod(shapes[1]) else other
    smaller = other if larger is one else one
    if one.channels.width != other.channels.width:
        if smaller.channels.width != 1:
            scene.refuse(call.where, f"{one.channels.width} channels meet {other.channels.width}")
        scene.join(smaller.channels, Channels.known(Trivial(scene.symmetry.group)), call.where)
        return larger if name in ("mul", "div") else scene.permuted(larger, "one number for all channels", call.where)
    scene.join(one.channels, other.channels, call.where)
    return larger if name in ("add", "sub") else scene.permuted(larger, "a product of channels", call.where)


def _with_unmoved(scene: Scene, call: Call, name: str, *, first: bool) -> Feature:
    """A number, or an unmoved tensor that is the same on all channels and points."""
    kind, value, there = (
        (call.types[1], call.args[0], call.args[1]) if first else (call.types[0], call.option(1, "other"), call.args[0])
    )
    if isinstance(value, Tensor):
        shape = (*[1] * (there.ndim - value.ndim), *value.shape)
        axes = [kind.axis(there.ndim), *kind.space(there.ndim)] + ([there.ndim - 2] if kind.relabel is not None else [])
        if any(shape[axis] != 1 for axis in axes):
            scene.refuse(
                call.where, f"a tensor of shape {tuple(value.shape)} that does not move, such as a bare parameter"
            )
    scales = name == "mul" or (name == "div" and not first)
    return kind if scales else scene.permuted(kind, "one number for all channels", call.where)


def _joined(scene: Scene, call: Call, name: str) -> Feature:
    parts, kinds = call.args[0], call.types[0]
    features = [kind for kind in kinds if isinstance(kind, Feature)]
    like, ndim = features[0], parts[0].ndim
    axis = int(call.option(1, "dim", 0)) % (call.result.ndim)
    if any(kind.field is not like.field and (kind.field is None or like.field is None) for kind in features):
        scene.refuse(call.where, "fields and vectors side by side")
    if any(kind.relabel is not like.relabel for kind in features):
        scene.refuse(call.where, "points that move differently side by side")
    if name != "stack" and axis == like.axis(ndim):
        trivial = [Trivial(scene.symmetry.group, part.shape[axis]) for part in parts]
        beside = [
            kind.channels if isinstance(kind, Feature) else Channels.known(rep)
            for kind, rep in zip(kinds, trivial, strict=True)
        ]
        if len(features) < len(kinds) and (like.field is not None or like.relabel is not None):
            scene.refuse(call.where, "what does not move beside what does")
        return like.of(Channels.side_by_side(beside))
    moving = {like.axis(ndim), *like.space(ndim)} | ({ndim - 2} if like.relabel is not None else set())
    if len(features) < len(kinds) or (name != "stack" and axis in moving) or (name == "stack" and axis > min(moving)):
        scene.refuse(call.where, f"along axis {axis}")
    for kind in features[1:]:
        scene.join(like.channels, kind.channels, call.where)
    return like


def _reduced(scene: Scene, call: Call, feature: Feature) -> Feature | None:
    """Sums, means and maxima over axes."""
    dims, keep = call.option(1, "dim"), bool(call.option(2, "keepdim", False))
    ndim = call.args[0].ndim
    if "max" in call.name or "min" in call.name:
        scene.permuted(feature, "a maximum", call.where)
    axis, space = feature.axis(ndim), feature.space(ndim)
    every = list(range(ndim)) if dims is None else [d % ndim for d in ([dims] if isinstance(dims, int) else dims)]
    over = set(every)
    if not isinstance(call.result, Tensor):
        scene.refuse(call.where, "values with places")
    if over & set(space) and not set(space) <= over:
        scene.refuse(call.where, "over some of the space axes")
    if 0 in over and axis != 0 and over != set(range(ndim)):
        scene.refuse(call.where, "over the batch")
    if axis not in over:
        if over & set(space):
            return feature if keep else Feature(feature.channels)
        return Feature(feature.channels) if ndim - 2 in over and feature.relabel is not None else feature
    scene.permuted(feature, "a sum over channels", call.where)
    if feature.field is not None and not set(space) <= over:
        if not keep:
            scene.refuse(call.where, "over the channels of a field; use keepdim")
        return feature.of(Channels.known(Trivial(scene.symmetry.group)))
    if feature.relabel is not None and ndim - 2 not in over:
        trivial = feature.of(Channels.known(Trivial(scene.symmetry.group)))
        return trivial if keep else Feature(Channels.known(feature.relabel))
    return None


def _permuted_axes(scene: Scene, call: Call, feature: Feature) -> Feature:  # noqa: RET503 (a refusal raises)
    """Channels of a field from first to last, or back."""
    x = call.args[0]
    numbers = torch.arange(x.ndim)
    order = list(call.run(torch.empty(tuple(numbers + 2)), *call.args[1:], **call.kwargs).shape)
    order = [n - 2 for n in order]
    if order == numbers.tolist():
        return feature
    axis, space = feature.axis(x.ndim), feature.space(x.ndim)
    rest = [k for k in range(x.ndim) if k not in (axis, *space)]
    grid = feature.field
    if grid is not None and order in ([*rest, *space, axis], [*rest, axis, *space]):
        channels = "last" if order[-1] == axis else "first"
        return Feature(feature.channels, field=grid.with_rep(Trivial(grid.group), channels=channels))
    if grid is None and feature.relabel is None and order[-1] == axis:
        return feature
    scene.refuse(call.where, f"axes in the order {order}")


def _picked(scene: Scene, call: Call, feature: Feature) -> Feature:
    """Slices: of axes that do not move, or of channels between parts."""
    x, index = call.args[0], call.args[1]
    index = list(index) if isinstance(index, tuple) else [index]
    if any(isinstance(i, Tensor) for i in index):
        scene.refuse(call.where, "places given by a tensor")
    named = [i for i in index if i is not None and i is not Ellipsis]
    if Ellipsis in index:
        at = index.index(Ellipsis)
        index[at : at + 1] = [slice(None)] * (x.ndim - len(named))
    else:
        index += [slice(None)] * (x.ndim - len(named))
    axis, whole = feature.axis(x.ndim), slice(None)
    moving = {*feature.space(x.ndim)} | ({x.ndim - 2} if feature.relabel is not None else set())
    if (
        None in index
        and feature.field is None
        and all(i is None or i == whole for i in index[-2:])
        and index[-1] == whole
    ):
        before = index.index(None) <= x.ndim - (2 if feature.relabel is not None else 1)
        if before and all(i is None or i == whole for i in index):
            return feature
    if None in index:
        behind = [i for i in index if i is None] == index[x.ndim :] and all(i == whole for i in index[: x.ndim])
        if behind and scene.grid is not None and len(index) == x.ndim + scene.grid.dim:
            return on_grid(scene, feature)
        scene.refuse(call.where, "new axes")
    if any(index[k] != whole for k in moving):
        scene.refuse(call.where, "some of the points")
    if index[axis] == whole:
        return feature
    if not isinstance(index[axis], slice) or index[axis].step not in (None, 1):
        scene.refuse(call.where, "some of the channels")
    start, stop, _ = index[axis].indices(x.shape[axis])
    widths = [w for w in (start, stop - start, x.shape[axis] - stop) if w]
    return feature.of(_cut(scene, call, feature.channels, widths)[1 if start else 0])


def _divided(scene: Scene, call: Call, feature: Feature) -> list[Feature]:
    """Chunks of channels."""
    ndim = call.args[0].ndim
    axis = int(call.option(2, "dim", 0)) % ndim
    if axis != feature.axis(ndim):
        scene.refuse(call.where, f"along axis {axis}")
    widths = [part.shape[axis] for part in call.result]
    return [feature.of(part) for part in _cut(scene, call, feature.channels, widths)]


def _cut(scene: Scene, call: Call, channels: Channels, widths: list[int]) -> list[Channels]:
    """Channels cut into neighbours: a variable becomes several, a sum is cut between its parts."""
    here = channels.found()
    if here.is_variable:
        parts = [Channels(width) for width in widths]
        for part in parts:
            part.sources = here.sources
        scene.join(here, Channels.side_by_side(parts), call.where)
        return parts
    pieces = None if here.variables() else split(here.representation(), widths)
    if pieces is None:
        scene.refuse(call.where, "it cuts through channels that move together")
    return [Channels.known(piece) for piece in pieces]


def _alike(scene: Scene, call: Call, feature: Feature) -> Feature:
    return scene.permuted(feature, "a softmax", call.where)


def _squeezed(scene: Scene, call: Call, feature: Feature) -> Feature:
    """Space axes of length 1 taken away."""
    if feature.field is not None and call.result.ndim == call.args[0].ndim - feature.field.dim:
        return Feature(feature.channels)
    return scene.refuse(call.where, "some of the axes")


def _alone(call: Call) -> Callable[[Tensor], Tensor]:
    def function(x: Tensor) -> Tensor:
        kwargs = {key: value for key, value in call.kwargs.items() if key != "inplace"}
        out: Tensor = call.run(x.clone(), *call.args[1:], **kwargs)
        return out

    return function


def _flat(kinds: Any) -> list[Any]:
    return [one for kind in kinds for one in _flat(kind)] if isinstance(kinds, (tuple, list)) else [kinds]


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("flatten", "reshape", "view"), regrouped),
    **dict.fromkeys(("mean", "sum", "amax", "amin"), _reduced),
    **dict.fromkeys(("permute", "transpose", "movedim", "swapaxes", "moveaxis"), _permuted_axes),
    **dict.fromkeys(("chunk", "split"), _divided),
    **dict.fromkeys(("softmax", "log_softmax"), _alike),
    "getitem": _picked,
    "squeeze": _squeezed,
}
