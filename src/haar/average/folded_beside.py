"""What was folded is run beside the original: a layer is trusted for what it does, not for the class it belongs to."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from haar.actions import Action, Field
from haar.average.engine import Averaged
from haar.errors import ArgumentError
from haar.nn.computed_weights import computes_weights, effective
from haar.probing import undisturbed
from haar.probing.beside import agree, rows_of_sizes

#: Factors on the rows of an input: what a layer does to small, to large and to no numbers.
_SCALES = (1.0, -1.0, 30.0, -0.03, 0.0)
#: Numbers in all moved inputs above which the mean over the elements is not taken.
_MANY = 2**24


def check_plain(model: nn.Module, kind: type[nn.Module]) -> None:
    """Refuse a layer whose call does more than its class's forward.

    Args:
        model: An instance of `kind`.
        kind: A layer of torch.

    Raises:
        ArgumentError: If a subclass or the object itself has another forward, or hooks change what goes in or out.
    """
    way_out = "distil it instead: haar.average.distil"
    for name in ("forward", "_conv_forward", "__call__", "_call_impl", "__getattr__"):
        own = name in model.__dict__ or getattr(type(model), name, None) is not getattr(kind, name, None)
        if own:
            raise ArgumentError(
                "averaged",
                expected=f"a model with the forward of nn.{kind.__name__}",
                got=_named(model),
                way_out=way_out,
            )
    hooks = [*model._forward_hooks.values(), *model._forward_pre_hooks.values()]  # noqa: SLF001 (torch tells it nowhere else)
    if not all(computes_weights(hook) for hook in hooks):
        raise ArgumentError(
            "averaged",
            expected="a model without hooks on its forward, which may change what it gives",
            got=_named(model),
            way_out=f"remove them, or {way_out}",
        )


def check_beside(made: nn.Module, averaged: Averaged, source: Action, target: Action) -> None:
    """Run what was folded beside the original, on random numbers of our own.

    The model is compared with what its weights say, and the folded layer with the mean over all elements, unless these
    are so many that the mean takes longer than anything it is worth.

    Raises:
        ArgumentError: If something differs by more than rounding.
    """
    model, elements = averaged.model, averaged.elements
    if elements is None or not isinstance(model, nn.Module):
        raise ArgumentError("averaged", expected="a module over a fixed weighted set", got=repr(averaged))
    weight: Tensor = made.get_parameter("weight")
    x = _inputs(made, source).to(dtype=weight.dtype, device=weight.device)
    group = averaged.symmetry.group
    with torch.no_grad(), undisturbed(model, mode=None):
        _refuse_apart(model, _said(model, x), model(x), 0.0)
        if len(elements) * x.numel() > _MANY:
            return
        total, size = torch.zeros((), device=x.device), torch.zeros((), device=x.device)
        for element, share in zip(elements.elements, elements.weights.tolist(), strict=True):
            y = target.act(group.inverse(element), model(source.act(element, x)))
            y = y.to(torch.complex128 if y.is_complex() else torch.float64)
            total = total + share * y
            size = torch.maximum(size, y.abs().flatten(1).amax(1))
        _refuse_apart(model, made(x), total, size)


def _said(model: nn.Module, x: Tensor) -> Tensor:
    """What the layer's weight and bias say."""
    weight, bias = effective(model)
    if isinstance(model, nn.Linear):
        return nn.functional.linear(x, weight, bias)
    said: Tensor = model._conv_forward(x, weight, bias)  # type: ignore[operator]  # noqa: SLF001 (`check_plain` has seen to it)
    return said


def _refuse_apart(model: nn.Module, said: Tensor, done: Tensor, met: Tensor | float) -> None:
    """Raise unless rows agree to rounding, relative to the numbers met and to their own largest entry."""
    if not agree(said, done, torch.finfo(said.dtype).eps ** 0.5, met=met, per="row"):
        gap = float((said.to(done) - done).abs().max())
        raise ArgumentError(
            "averaged",
            expected="a model that does what its weight and bias say",
            got=f"{_named(model)}, which is {gap:.1e} away from that",
            way_out="distil it instead: haar.average.distil",
        )


def _inputs(made: nn.Module, source: Action) -> Tensor:
    """A row for each scale; fields on the group's own grid, or on one that the kernel fits into."""
    if isinstance(made, nn.Linear):
        shape: tuple[int, ...] = (made.in_features,)
    elif isinstance(made, nn.Conv1d | nn.Conv2d | nn.Conv3d) and isinstance(source, Field):
        spans = [d * (k - 1) + 1 for k, d in zip(made.kernel_size, made.dilation, strict=True)]
        given = source.grid.group.grid_shape
        space = [max(spans) + 3] * len(spans) if given is None else given
        shape = (made.in_channels, *space)
    else:
        raise ArgumentError("averaged", expected="a linear layer or a convolution", got=type(made).__name__)
    return rows_of_sizes(shape, _SCALES, torch.Generator().manual_seed(0))


def _named(model: nn.Module) -> str:
    kind = type(model)
    return kind.__name__ if kind.__module__.startswith("torch.") else f"{kind.__module__}.{kind.__qualname__}"
