"""Folding: the average of a linear model is a linear model of the same size, Q A = mean_g psi(g)^-1 A phi(g)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from haar.actions import Action, Field, Invariant, Vector
from haar.actions.trees import action_leaves
from haar.average.engine import Averaged, check_averaged
from haar.average.folded_beside import check_beside, check_plain
from haar.errors import ArgumentError
from haar.host import on_the_host
from haar.nn.computed_weights import effective

_Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d


@on_the_host
def fold(averaged: Averaged) -> nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d:
    """The average of a linear layer or a convolution as one layer: the cost of the model, the function of the average.

    Weights that a parametrisation, a pruning mask or a norm of weights computes are taken as they are now. The layer is
    run beside the average on inputs of its own before it is given.

    Args:
        averaged: An average, over a fixed weighted set and without window, of an ``nn.Linear`` between vectors on the
            last axis, or of a convolution of stride 1 between fields with channels first.

    Returns:
        A new layer; the model is not changed.

    Raises:
        ArgumentError: If the model is not such a layer, has a forward or hooks of its own, or does not do what its
            weights say, or if its border treatment is not moved along by the group.

    Example:
        >>> from haar.actions import Symmetry
        >>> from haar.average import average
        >>> from haar.groups import dihedral
        >>> symmetric = average(nn.Conv2d(1, 1, 3, padding=1), Symmetry.of_fields(dihedral(4), "p"))
        >>> x = torch.randn(1, 1, 8, 8)
        >>> bool(torch.allclose(fold(symmetric)(x), symmetric(x), atol=1e-6))
        True

    Source: group averaging of linear maps; section 2.1 (f) of the averaging method.
    """
    check_averaged(averaged)
    inputs, outputs = action_leaves(averaged.symmetry.inputs), action_leaves(averaged.symmetry.outputs)
    if averaged.elements is None or averaged.window is not None or len(inputs) != 1 or len(outputs) != 1:
        raise ArgumentError(
            "averaged",
            expected="one input, one output, fixed elements, no window",
            got=repr(averaged.symmetry),
        )
    model = averaged.model
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    kind = next((kind for kind in kinds if isinstance(model, kind)), None)
    if kind is None or not isinstance(model, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
        raise ArgumentError(
            "averaged",
            expected="a model that is an nn.Linear or a convolution",
            got=type(model).__name__,
            way_out="distil it instead: haar.average.distil",
        )
    check_plain(model, kind)
    device = _device(model)
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        if isinstance(model, nn.Linear):
            made: nn.Linear | _Convolution = _fold_linear(model, averaged, inputs[0], outputs[0])
        else:
            made = _fold_convolution(model, averaged, inputs[0], outputs[0])
        check_beside(made, averaged, inputs[0], outputs[0])
    return made


def _device(model: nn.Module) -> torch.device:
    """Where the model's numbers are.

    Raises:
        ArgumentError: If it has none yet, or not only finite ones.
    """
    with torch.no_grad():
        numbers = [p for p in effective(model) if p is not None]
    expected = "a model whose weights are finite numbers"
    if any(p.is_meta for p in numbers):
        raise ArgumentError(
            "averaged", expected=expected, got="weights on the meta device", way_out="load its state dict first"
        )
    if not all(bool(p.isfinite().all()) for p in numbers):
        raise ArgumentError("averaged", expected=expected, got="NaN or infinity among them")
    return numbers[0].device


def _fold_linear(model: nn.Linear, averaged: Averaged, source: Action, target: Action) -> nn.Linear:
    for action, name in ((source, "inputs"), (target, "outputs")):
        if not isinstance(action, Invariant) and not (isinstance(action, Vector) and action.axis == -1):
            raise ArgumentError(name, expected="a Vector on the last axis", got=type(action).__name__)
    weight, bias = effective(model)
    made: nn.Linear = nn.utils.skip_init(
        nn.Linear,
        model.in_features,
        model.out_features,
        bias=bias is not None,
        device=weight.device,
        dtype=weight.dtype,
    )
    into = _matrices(averaged, source, model.in_features, weight)
    back = _back(averaged, target, model.out_features, weight)
    _set(made, averaged, back @ _wide(weight) @ into, back, bias)
    return made.train(model.training)


def _fold_convolution(model: _Convolution, averaged: Averaged, source: Action, target: Action) -> _Convolution:
    for action, name in ((source, "inputs"), (target, "outputs")):
        if not isinstance(action, Field) or action.channels != "first" or action.offset is not None:
            raise ArgumentError(name, expected="a linear Field with channels first", got=type(action).__name__)
    dim = len(model.kernel_size)
    elements = _elements(averaged)
    motion = source.grid.motion(elements)  # type: ignore[attr-defined]
    _check_convolution(model, motion.index.tolist(), bool((motion.shift != 0).any()))
    weight, bias = effective(model)
    kind = next(kind for kind in (nn.Conv1d, nn.Conv2d, nn.Conv3d) if isinstance(model, kind))
    made: _Convolution = nn.utils.skip_init(
        kind,
        model.in_channels,
        model.out_channels,
        model.kernel_size,
        padding=model.padding,
        dilation=model.dilation,
        padding_mode=model.padding_mode,
        bias=bias is not None,
        device=weight.device,
        dtype=weight.dtype,
    )  # without groups: the average mixes the groups of channels
    dense = _without_groups(model, weight)
    into = _matrices(averaged, source, model.in_channels, weight)
    back = _back(averaged, target, model.out_channels, weight)
    inverse = averaged.symmetry.group.motion(averaged.symmetry.group.inverse(elements))
    kernels = []
    for index, sign in zip(inverse.index.tolist(), inverse.sign.tolist(), strict=True):
        turned = dense.permute(0, 1, *(2 + i for i in index))
        kernels.append(turned.flip([2 + axis for axis in range(dim) if sign[axis] < 0]))
    half = torch.einsum("gpo,goi...->gpi...", back, torch.stack(kernels))
    _set(made, averaged, torch.einsum("gpi...,giq->gpq...", half, into), back, bias)
    return made.train(model.training)


def _check_convolution(model: _Convolution, exchanges: list[list[int]], shifts: bool) -> None:  # noqa: FBT001
    """Raise unless moving the input is the same as moving the kernel."""
    circular = model.padding_mode == "circular"
    padding = model.padding if isinstance(model.padding, tuple) else ("same",) * len(model.kernel_size)
    axes: list[tuple[int, int, int | str]] = list(zip(model.kernel_size, model.dilation, padding, strict=True))
    same_axes = all(axes[i] == axes[axis] for index in exchanges for axis, i in enumerate(index))
    reasons = {
        "stride 1": any(s != 1 for s in model.stride),
        "odd kernels": any(k % 2 == 0 for k in model.kernel_size),
        "the same kernel, dilation and padding along axes that the group exchanges": not same_axes,
        "circular padding that keeps the grid, for a group with shifts": shifts
        and not (circular and all(p == "same" or 2 * int(p) == d * (k - 1) for k, d, p in axes)),
    }
    for expected, missed in reasons.items():
        if missed:
            raise ArgumentError("averaged", expected=f"a convolution with {expected}", got=repr(model))


def _elements(averaged: Averaged) -> Tensor:
    if averaged.elements is None:
        raise ArgumentError("averaged", expected="a fixed weighted set", got="a frame")
    return averaged.elements.elements


def _matrices(averaged: Averaged, action: Action, n: int, like: Tensor) -> Tensor:
    """phi(g) for every element, ``(m, n, n)``; complex as `like` is."""
    elements = _elements(averaged)
    if action.rep is not None:
        matrices = action.rep.matrix(elements)
        return matrices.to(torch.complex128) if like.is_complex() else matrices
    return torch.eye(n, dtype=_wide(like).dtype).expand(len(elements), n, n)


def _back(averaged: Averaged, action: Action, n: int, like: Tensor) -> Tensor:
    """psi(g)^-1 for every element, ``(m, n, n)``."""
    return _matrices(averaged, action, n, like).transpose(-1, -2)


def _wide(weight: Tensor) -> Tensor:
    return weight.detach().to(torch.complex128 if weight.is_complex() else torch.float64).cpu()


def _without_groups(model: _Convolution, weight: Tensor) -> Tensor:
    """The kernel ``(out, in, *kernel)`` of a grouped convolution with the zeros that it leaves out."""
    weight = _wide(weight)
    dense = weight.new_zeros(model.out_channels, model.in_channels, *model.kernel_size)
    rows, columns = model.out_channels // model.groups, model.in_channels // model.groups
    for g in range(model.groups):
        dense[g * rows : (g + 1) * rows, g * columns : (g + 1) * columns] = weight[g * rows : (g + 1) * rows]
    return dense


def _set(made: nn.Linear | _Convolution, averaged: Averaged, terms: Tensor, back: Tensor, bias: Tensor | None) -> None:
    """Put the weighted mean of all terms into a layer."""
    if averaged.elements is None:
        return
    weights = averaged.elements.weights.to(terms.dtype)
    made.weight.copy_(torch.tensordot(weights, terms, 1))
    if bias is not None and made.bias is not None:
        made.bias.copy_(weights @ (back @ _wide(bias)))
