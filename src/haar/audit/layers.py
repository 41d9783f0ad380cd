"""Where in a network a symmetry breaks: layer by layer, and why where the reason is geometric."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Action, Field, Symmetry
from haar.actions.action import RestrictedAction
from haar.audit.layer_reasons import reason_for
from haar.audit.measure import undisturbed
from haar.errors import ArgumentError
from haar.groups import Motion

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
        kind: Its class.
        shape: Shape of its output, without the batch.
        geometry: Relative error of moving its output instead of its input, with the kernel moved along: what padding,
            stride or size break whatever the weights are. None where it is not a layer on a grid.
        element: The element with the largest geometric error.
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

    Args:
        model: A module; evaluated in eval mode and left as it was. Hooks are removed again.
        symmetry: A symmetry whose first field input says how points move.
        inputs: One batch; some ten samples make the channel fit meaningful.
        elements: Elements to look at; by default the generators and, for small groups, all elements.

    Returns:
        One entry for every call of a leaf module, in the order of the calls.

    Raises:
        ArgumentError: If no input is a field, or the model is no module.

    Example:
        >>> import torch
        >>> from haar.groups import dihedral
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, stride=2, padding=1), torch.nn.ReLU())
        >>> symmetry = Symmetry.of_fields(dihedral(4), "p", outputs="a, b, c, d")
        >>> print(layer_defects(model, symmetry, torch.randn(2, 1, 32, 32))[0].reason)
        stride 2 on 32 reaches one side only (32 + 2*1 - 3 is not a multiple of 2); use 33 points or another kernel
    """
    if not isinstance(model, nn.Module):
        raise ArgumentError("model", expected="a torch.nn.Module with layers to look into", got=type(model).__name__)
    field = _first_field(symmetry)
    group = symmetry.group
    if elements is None:
        order = group.order
        elements = group.elements()[1:] if order is not None and order <= 16 else group.generators()  # type: ignore[attr-defined]
    with undisturbed(model):
        calls = _record(model, inputs)
        found = []
        moved = [_record(model, symmetry.act_inputs(g, inputs)) for g in elements]
        for k, (name, module, layer_in, layer_out) in enumerate(calls):
            geometry, worst = _geometry(module, layer_in, field, elements, symmetry)
            unexplained = _unexplained(
                field, symmetry, elements, layer_out, [run[k][3] if k < len(run) else None for run in moved]
            )
            reason = reason_for(module, layer_in) if geometry is not None and geometry > _tolerance(layer_out) else ""
            shape = tuple(layer_out.shape[1:]) if isinstance(layer_out, Tensor) else ()
            found.append(LayerDefect(name, type(module).__name__, shape, geometry, worst, unexplained, reason))
    return found


def _record(model: nn.Module, inputs: Sequence[Any]) -> list[tuple[str, nn.Module, Any, Any]]:
    calls: list[tuple[str, nn.Module, Any, Any]] = []
    handles = []
    for name, module in model.named_modules():
        if not list(module.children()) and type(module).__name__ != "GuardsFn":  # an exported graph's own checks

            def note(module: nn.Module, args: tuple[Any, ...], output: Any, name: str = name) -> None:
                calls.append((name, module, args[0].detach() if args and isinstance(args[0], Tensor) else None, output))

            handles.append(module.register_forward_hook(note))
    try:
        model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def has_field(symmetry: Symmetry) -> bool:
    """Whether some input is a field on a grid."""
    return bool(_fields(symmetry))


def _first_field(symmetry: Symmetry) -> Field:
    found = _fields(symmetry)
    if not found:
        raise ArgumentError(
            "symmetry", expected="an input that is a Field, to look into layers on a grid", got=repr(symmetry)
        )
    return found[0]


def _fields(symmetry: Symmetry) -> list[Field]:
    found: list[Field] = []

    def look(action: Action) -> None:
        bare = action.action if isinstance(action, RestrictedAction) else action
        if isinstance(bare, Field):
            found.append(bare)

    stack: list[Any] = [symmetry.inputs]
    while stack:
        node = stack.pop(0)
        if isinstance(node, Action):
            look(node)
        else:
            stack.extend(node.values() if isinstance(node, dict) else node)
    return found


def _points(field: Field, symmetry: Symmetry, g: Tensor, x: Tensor, lengths: Sequence[int]) -> Tensor | None:
    """Move the points of a hidden feature map (channels left alone); None where its grid cannot follow the element."""
    group = symmetry.group
    move: Motion = group.motion(g)
    dim = field.dim
    space = x.shape[-dim:]
    shift = []
    for axis in range(dim):
        cells = int(move.shift[axis]) * space[axis]
        if cells % lengths[axis]:
            return None  # a shift by a fraction of a coarse cell
        shift.append(cells // lengths[axis])
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
    about_nodes = [one == "node" and p for one, p in zip(field.grid.centrings, field.periodic, strict=True)]
    shift = [t + (1 if s < 0 and node else 0) for t, s, node in zip(shift, sign, about_nodes, strict=True)]
    return y.roll(shift, axes) if any(shift) else y


def _geometry(
    module: nn.Module, x: Any, field: Field, elements: Tensor, symmetry: Symmetry
) -> tuple[float | None, str]:
    """|L_gK(g u) - g L_K(u)| / |L_K(u)| for a layer on a grid, where gK is the kernel moved with the element."""
    if not isinstance(module, _GRIDDED) or not isinstance(x, Tensor) or x.ndim != field.dim + 2:
        return None, ""
    lengths = x.shape[-field.dim :]
    worst, where = 0.0, ""
    y = module(x)
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
            defect = float((changed - moved_out).norm()) / size if changed.shape == moved_out.shape else 1.0
        if defect > worst:
            worst, where = defect, symmetry.group.describe(g)
    return worst, where


def _with_moved_kernel(module: nn.Module, field: Field, symmetry: Symmetry, g: Tensor) -> Callable[[Tensor], Tensor]:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor):
        return module
    moved = copy.deepcopy(module)
    move = symmetry.group.motion(g)
    spatial = list(range(2, 2 + field.dim))
    kernel = weight.detach().permute([0, 1, *[2 + i for i in move.index.tolist()]])
    flips = [axis for axis, s in zip(spatial, move.sign.tolist(), strict=True) if s < 0]
    moved.weight = nn.Parameter(kernel.flip(flips) if flips else kernel.clone())
    return moved


def _unexplained(field: Field, symmetry: Symmetry, elements: Tensor, y: Any, moved: Sequence[Any]) -> float | None:
    """Worst share of h(g x) that no linear map of the moved h(x)'s channels reproduces (fit on half, judge on half)."""
    if not isinstance(y, Tensor) or y.ndim != field.dim + 2 or not y.is_floating_point():
        return None
    worst = 0.0
    for g, other in zip(elements, moved, strict=True):
        if not isinstance(other, Tensor) or other.shape != y.shape:
            return None
        here = (
            _points(field, symmetry, g, y, y.shape[-field.dim :])
            if not bool(symmetry.group.motion(g).shift.any())
            else None
        )
        if here is None:
            return None
        a = here.movedim(1, -1).reshape(-1, y.shape[1]).to(torch.float64)
        b = other.movedim(1, -1).reshape(-1, y.shape[1]).to(torch.float64)
        fit, judge = slice(0, None, 2), slice(1, None, 2)
        if len(a[fit]) < 2 * y.shape[1]:
            return None
        b_centre = b - b.mean(0)
        a_centre = a - a.mean(0)
        gram = a_centre[fit].T @ a_centre[fit]
        ridge = 1e-10 * gram.diagonal().mean().clamp(min=1e-30) * torch.eye(len(gram), dtype=gram.dtype)
        channel_map = torch.linalg.solve(gram + ridge, a_centre[fit].T @ b_centre[fit])
        left = (b_centre[judge] - a_centre[judge] @ channel_map).square().sum()
        worst = max(worst, float((left / b_centre[judge].square().sum().clamp(min=1e-300)).sqrt()))
    return min(worst, 1.0)


def _tolerance(y: Any) -> float:
    return 1e-9 if isinstance(y, Tensor) and y.dtype == torch.float64 else 1e-4
