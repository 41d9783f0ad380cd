"""Where in a network a symmetry breaks: layer by layer, and why where the reason is geometric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor

from haar.actions import Action, Field, Points, Symmetry, Vector
from haar.actions.trees import action_leaves
from haar.audit.layer_reasons import reason_for
from haar.errors import ArgumentError
from haar.groups import FiniteGroup, Motion
from haar.probing import ForwardOnly, undisturbed

#: Singular values below the first, relative, count for no rank (features may come in float32); below the second
#: they are not inverted. Features whose squares are below the third part of the whole are constant.
_RANK, _INVERTED, _CONSTANT = 1e-6, 1e-9, 1e-24

#: Layers whose grid geometry can be tested: their kernel is moved with the element, their output must move.
_GRIDDED = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.Upsample, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
)  # fmt: skip


@dataclass(frozen=True)
class LayerDefect:
    """What one layer does to the symmetry.

    Attributes:
        name: Its name in the model.
        kind: Name of the layer's class.
        shape: Shape of its output, without the batch.
        geometry: Relative error of moving its output instead of its input, with the kernel moved along: what padding,
            stride or size break whatever the weights are. None where it is not a layer on a grid.
        element: The element with the largest geometric error; for clouds with the largest unexplained part.
        unexplained: Part of the change of its output under the worst element that no linear map of its channels
            accounts for (0: the features still move with the element, possibly turning channels; 1: they do not).
        reason: Why the geometry breaks, and the way out, where it is known.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    geometry: float | None
    element: str
    unexplained: float | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(self.__dict__)


def layer_defects(model: Any, symmetry: Symmetry, *inputs: Any, elements: Tensor | None = None) -> list[LayerDefect]:
    """Look at every leaf module on one batch.

    What a layer gets and gives is copied at that moment: later writes in place do not change it.

    Args:
        model: A module; evaluated in eval mode and left as it was. Hooks are removed again.
        symmetry: A symmetry whose first input that is a field says how points move; or one of clouds of points.
        inputs: One batch; some ten samples make the channel fit meaningful.
        elements: Elements to look at; by default the generators and, for small groups, all elements.

    Returns:
        One entry for every call of a leaf module, in the order of the calls.

    Raises:
        ArgumentError: If no input is a field or a cloud, or the model is no module.

    Example:
        >>> import torch
        >>> from haar.groups import dihedral
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, stride=2, padding=1), torch.nn.ReLU())
        >>> symmetry = Symmetry.of_fields(dihedral(4), "p", outputs="a, b, c, d")
        >>> print(layer_defects(model, symmetry, torch.randn(2, 1, 32, 32))[0].reason)
        stride 2 on 32 reaches one side only (32 + 2*1 - 3 is not a multiple of 2); use 33 points or another kernel
    """
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        raise ArgumentError("model", expected="a torch.nn.Module with layers to look into", got=type(model).__name__)
    where = _first_place(symmetry)
    group = symmetry.group
    if elements is None:
        order = group.order
        elements = group.elements()[1:] if order is not None and order <= 16 else group.generators()  # type: ignore[attr-defined]
    with torch.no_grad(), undisturbed(model):
        run = ForwardOnly(model)
        calls = _record(model, run, inputs)
        left: list[list[float | None]] = []
        for g in elements:  # one by one: all activations of one run are kept at a time
            moved = _record(model, run, symmetry.act_inputs(g, inputs))
            left.append([_unexplained(where, symmetry, g, call, _same(moved, k, call)) for k, call in enumerate(calls)])
        return [_defect(call, [row[k] for row in left], where, symmetry, elements) for k, call in enumerate(calls)]


@dataclass(frozen=True)
class _Call:
    """One call of a leaf module."""

    name: str
    module: nn.Module
    given: Any
    made: Any


def _defect(call: _Call, left: list[float | None], where: Action, symmetry: Symmetry, elements: Tensor) -> LayerDefect:
    geometry, worst = (
        _geometry(call.module, call.given, where, elements, symmetry) if isinstance(where, Field) else (None, "")
    )
    known = [value for value in left if value is not None]
    unexplained = max(known) if known and len(known) == len(left) else None
    if not worst and unexplained is not None and geometry is None:
        worst = symmetry.group.describe(elements[left.index(unexplained)])
    bad = geometry is not None and geometry > _tolerance(call.made)
    shape = tuple(call.made.shape[1:]) if isinstance(call.made, Tensor) else ()
    nodes = _about_nodes(where) if isinstance(where, Field) else []
    reason = reason_for(call.module, call.given, nodes=nodes) if bad else ""
    return LayerDefect(call.name, type(call.module).__name__, shape, geometry, worst, unexplained, reason)


def _record(model: nn.Module, run: Callable[..., Any], inputs: Sequence[Any]) -> list[_Call]:
    """Run a model and note what every leaf module gets and gives."""
    calls: list[_Call] = []
    given: list[Any] = []
    handles = [model.register_forward_pre_hook(lambda *_: calls.clear())]  # of a run that had to be begun anew
    for name, module in model.named_modules():
        if _is_leaf(name, module) and not isinstance(module, torch.jit.ScriptModule):  # which takes no hooks

            def before(module: nn.Module, args: tuple[Any, ...]) -> None:
                del module
                given.append(_kept(args[0]) if args else None)

            def after(module: nn.Module, args: tuple[Any, ...], output: Any, name: str = name) -> None:
                del args
                calls.append(_Call(name, module, given.pop() if given else None, _kept(output)))

            handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    try:
        run(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _is_leaf(name: str, module: nn.Module) -> bool:
    """Whether a module computes by itself; what makes weights, or checks an exported graph, does not count."""
    if "parametrizations" in name.split(".") or type(module).__name__ == "GuardsFn":
        return False
    return all(child == "parametrizations" for child, _ in module.named_children())


def _kept(x: Any) -> Any:
    # Inside vmap or grad a tensor stands for others, and cannot be looked at once that is over.
    return x.detach().clone() if isinstance(x, Tensor) and not is_functorch_wrapped_tensor(x) else None


def _same(calls: list[_Call], place: int, call: _Call) -> Any:
    """What the same call made in another run; None where the run went another way."""
    other = calls[place] if place < len(calls) else None
    return other.made if other is not None and other.name == call.name else None


def can_look_inside(symmetry: Symmetry) -> bool:
    """Whether some input is a field on a grid that the group moves, or a cloud of points."""
    return bool(_places(symmetry))


def _first_place(symmetry: Symmetry) -> Action:
    found = _places(symmetry)
    if not found:
        raise ArgumentError(
            "symmetry", expected="an input that is a Field or Points, to look into layers", got=repr(symmetry)
        )
    return found[0]


def _places(symmetry: Symmetry) -> list[Action]:
    """Fields that the group moves, then clouds."""
    bare = action_leaves(symmetry.inputs)
    moves_grids = symmetry.group.space_dim is not None and isinstance(symmetry.group, FiniteGroup)
    fields: list[Action] = [action for action in bare if isinstance(action, Field) and moves_grids]
    return fields + [action for action in bare if isinstance(action, Points)]


def _points(field: Field, symmetry: Symmetry, g: Tensor, x: Tensor, lengths: Sequence[int]) -> Tensor | None:
    """Move the points of a hidden feature map (channels left alone); None where its grid cannot follow the element."""
    group = symmetry.group
    move: Motion = group.motion(g)
    dim = field.dim
    space = x.shape[-dim:]
    shift = _whole_cells(move.shift, space, lengths)
    if shift is None:
        return None
    index, sign = move.index.tolist(), move.sign.tolist()
    if any(space[i] != space[axis] for axis, i in enumerate(index)):
        return None
    axes = [x.ndim - dim + a for a in range(dim)]
    order = list(range(x.ndim))
    for axis, i in enumerate(index):
        order[axes[axis]] = axes[i]
    y = x.permute(order)
    flips = [axes[a] for a in range(dim) if sign[a] < 0]
    y = y.flip(flips) if flips else y
    about_nodes = _about_nodes(field)
    shift = [t + (1 if s < 0 and node else 0) for t, s, node in zip(shift, sign, about_nodes, strict=True)]
    return y.roll(shift, axes) if any(shift) else y


def _whole_cells(shift: Tensor, space: Sequence[int], lengths: Sequence[int]) -> list[int] | None:
    """A shift in cells of a coarser or finer grid; None for one by a fraction of a cell."""
    cells = [int(t) * n for t, n in zip(shift, space, strict=True)]
    if any(c % n for c, n in zip(cells, lengths, strict=True)):
        return None
    return [c // n for c, n in zip(cells, lengths, strict=True)]


def _geometry(
    module: nn.Module, x: Any, field: Field, elements: Tensor, symmetry: Symmetry
) -> tuple[float | None, str]:
    """|L_gK(g u) - g L_K(u)| / |L_K(u)| for a layer on a grid, where gK is the kernel moved with the element."""
    if not isinstance(module, _GRIDDED) or not isinstance(x, Tensor) or x.ndim != field.dim + 2:
        return None, ""
    lengths = x.shape[-field.dim :]
    worst, where = 0.0, ""
    run = ForwardOnly(module)
    y = run(x)
    if not isinstance(y, Tensor):
        return None, ""
    size = float(y.norm()) or 1.0
    for g in elements:
        moved_in = _points(field, symmetry, g, x, lengths)
        moved_out = _points(field, symmetry, g, y, lengths)
        if moved_in is None:
            continue
        if moved_out is None:  # the shift is no whole number of cells after the layer
            defect = 1.0
        else:
            changed = _with_moved_kernel(module, field, symmetry, g)(moved_in)
            if changed is None:
                return None, ""
            defect = float((changed - moved_out).norm()) / size if changed.shape == moved_out.shape else 1.0
        if defect > worst:
            worst, where = defect, symmetry.group.describe(g)
    return worst, where


def _with_moved_kernel(module: nn.Module, field: Field, symmetry: Symmetry, g: Tensor) -> Callable[[Tensor], Any]:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor):
        return ForwardOnly(module)
    if "weight" not in dict(module.named_parameters(recurse=False)):
        return lambda _: None  # a weight that is computed anew in every call cannot be moved from outside
    move = symmetry.group.motion(g)
    spatial = list(range(2, 2 + field.dim))
    kernel = weight.detach().permute([0, 1, *[2 + i for i in move.index.tolist()]])
    flips = [axis for axis, s in zip(spatial, move.sign.tolist(), strict=True) if s < 0]
    moved = {"weight": kernel.flip(flips) if flips else kernel.clone()}
    return ForwardOnly(lambda x: torch.func.functional_call(module, moved, (x,)))


def _unexplained(where: Action, symmetry: Symmetry, g: Tensor, call: _Call, moved: Any) -> float | None:
    """Share of h(g x) that no linear map of the moved h(x)'s channels reproduces (fit on half, judge on half)."""
    y = call.made
    if not isinstance(y, Tensor) or not y.is_floating_point():
        return None
    if not isinstance(moved, Tensor) or moved.shape != y.shape:
        return None
    here, axis = _moved_features(where, symmetry, g, y)
    if here is None:
        return None
    a, b = (t.movedim(axis, -1).reshape(-1, t.shape[axis]).to(torch.float64) for t in (here, moved))
    a, b = a - a.mean(0), b - b.mean(0)
    fit, judge = slice(0, None, 2), slice(1, None, 2)
    rank = int(torch.linalg.matrix_rank(a, rtol=_RANK)) if len(a) > 1 else 0
    if len(a[fit]) <= rank or (rank and int(torch.linalg.matrix_rank(a[fit], rtol=_RANK)) < rank):
        return None  # too few rows to tell a map of channels from chance
    channel_map = torch.linalg.pinv(a[fit], rtol=_INVERTED) @ b[fit]
    left = (b[judge] - a[judge] @ channel_map).square().sum()
    size = b[judge].square().sum()
    if float(size) <= _CONSTANT * float(moved.to(torch.float64).square().sum()):
        return 0.0  # constant features
    return min(float((left / size).sqrt()), 1.0)


def _moved_features(where: Action, symmetry: Symmetry, g: Tensor, y: Tensor) -> tuple[Tensor | None, int]:
    """A hidden feature with its points moved and its channels left alone, and its channel axis."""
    if isinstance(where, Field):
        if y.ndim != where.dim + 2 or bool(symmetry.group.motion(g).shift.any()):
            return None, 1
        return _points(where, symmetry, g, y, y.shape[-where.dim :]), 1
    if y.ndim < 2:
        return None, -1
    if where.relabelling is not None and y.ndim > 2 and y.shape[-2] == where.relabelling.dim:
        return Vector(where.relabelling, axis=-2).act(g, y), -1
    return y, -1


def _tolerance(y: Any) -> float:
    return 1e-9 if isinstance(y, Tensor) and y.dtype == torch.float64 else 1e-4


def _about_nodes(field: Field) -> list[bool]:
    """For every axis whether it is reversed about a node."""
    return [one == "node" and p for one, p in zip(field.grid.centrings, field.periodic, strict=True)]
