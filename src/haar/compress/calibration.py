"""Calibration: one run of the model in which every layer is changed as soon as its inputs are known.

So what a layer is given comes from predecessors that were compressed already, and one run is enough for all layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.compress.batch import Batch
from haar.compress.layers import Layer
from haar.errors import ArgumentError

Rule = Callable[[Layer, int, Float[Tensor, "out into"], Float[Tensor, "rows into"]], Tensor]
"""From a layer, the number of its matrix, the matrix and its inputs to the matrix that takes its place."""


class _AllReached(Exception):  # noqa: N818 (no error: the rest of a run would say nothing)
    """Ends a run in which every layer was changed."""


def calibrated(model: nn.Module, layers: Sequence[Layer], batch: Batch, rule: Rule) -> None:
    """Run a model once and change its layers one after the other, each by what it was given.

    A layer that is called several times is changed by what it was given the first time. The run ends where the last one
    was reached.

    Args:
        model: The model, whose layers are changed in place.
        layers: The layers that are changed.
        batch: What the model is run on.
        rule: What becomes of each matrix.

    Raises:
        ArgumentError: If a layer was not reached, or is an equivariant one in coordinates.
    """
    reached: set[str] = set()

    def change(layer: Layer, inputs: Float[Tensor, "groups rows into"]) -> None:
        if layer.path not in reached:
            reached.add(layer.path)
            matrices = layer.matrices()
            pairs = zip(matrices, inputs.to(matrices), strict=True)
            layer.write(torch.stack([rule(layer, k, weight, x) for k, (weight, x) in enumerate(pairs)]))
            if len(reached) == len(layers):
                raise _AllReached

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)  # one step for a whole layer, without its parts
    try:
        with ExitStack() as stack, torch.no_grad():
            for module in dict.fromkeys(layer.module for layer in _with_outputs(layers, model)):
                mine = [layer for layer in layers if layer.module is module]
                handle = module.register_forward_pre_hook(_hook(mine, layers, change), with_kwargs=True)
                stack.callback(handle.remove)
            with suppress(_AllReached):
                batch.run(model)
    finally:
        torch.backends.mha.set_fastpath_enabled(value=fast)
    missing = [layer.name for layer in layers if layer.path not in reached]
    if missing:
        raise ArgumentError(
            "calibration",
            expected="data with which every layer is run",
            got=f"{', '.join(missing)}: not run",
            way_out="leave them out: layers= takes patterns of names",
        )


def _with_outputs(layers: Sequence[Layer], model: nn.Module) -> list[Layer]:
    """The layers, and for the output map of an attention that computes it by itself the attention."""
    attentions = {id(m.out_proj): m for m in model.modules() if isinstance(m, nn.MultiheadAttention)}
    found = []
    for layer in layers:
        owner = attentions.get(id(layer.module))
        found.append(layer if owner is None else Layer(layer.name, owner, "in_proj_weight", "packed"))
    return found


def _hook(
    mine: Sequence[Layer], layers: Sequence[Layer], change: Callable[[Layer, Tensor], None]
) -> Callable[..., None]:
    def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not isinstance(module, nn.MultiheadAttention):
            for layer in mine:
                change(layer, rows_of(layer, args[0] if args else next(iter(kwargs.values()))))
            return
        names = ("query", "key", "value")
        given = [args[k] if k < len(args) else kwargs[name] for k, name in enumerate(names)]
        rows = [x.flatten(0, -2) for x in given]
        for layer in mine:
            if layer.form == "packed":
                same = len({len(x) for x in rows}) == 1
                change(layer, torch.stack(rows if same else _repeated(rows)))
            else:
                change(layer, rows[("q_proj_weight", "k_proj_weight", "v_proj_weight").index(layer.parameter)][None])
        for layer in layers:
            if layer.module is module.out_proj:
                change(layer, _before_output(module, args, kwargs).flatten(0, -2)[None])

    return before


def _repeated(rows: Sequence[Tensor]) -> list[Tensor]:
    """Inputs of one length: those of cross attention, each as often as fits into the longest."""
    most = max(map(len, rows))
    return [x[torch.arange(most) % len(x)] for x in rows]


def _before_output(module: nn.MultiheadAttention, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """What an attention's output map is given: what it says with the identity in that map's place."""
    weight, bias = module.out_proj.weight, module.out_proj.bias
    kept = weight.detach().clone(), None if bias is None else bias.detach().clone()
    weight.copy_(torch.eye(len(weight), dtype=weight.dtype, device=weight.device))
    if bias is not None:
        bias.zero_()
    try:
        found: Tensor = module.forward(*args, **kwargs)[0]
    finally:
        weight.copy_(kept[0])
        if bias is not None and kept[1] is not None:
            bias.copy_(kept[1])
    return found


def rows_of(layer: Layer, x: Tensor) -> Float[Tensor, "groups rows into"]:
    """What a layer multiplies with its matrices, a row for every place at which it does.

    Args:
        layer: The layer.
        x: What it is given.

    Raises:
        ArgumentError: If it is an equivariant layer in coordinates.
    """
    module: Any = layer.module
    if layer.form in ("linear", "transposed"):
        return x.detach().flatten(0, -2)[None]
    if layer.form == "transposed convolution":
        rows = x.detach().movedim(1, -1).flatten(0, -2)
        parts: Tensor = rows.unflatten(-1, (layer.groups, -1)).movedim(1, 0)
        return parts
    if layer.form != "convolution":
        raise ArgumentError(
            "perturbations",
            expected="linear or convolutional layers for what looks at inputs",
            got=f"{layer.name}, an equivariant layer in coordinates",
            way_out="leave it out: layers= takes patterns of names",
        )
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    padded = F.pad(x.detach(), module._reversed_padding_repeated_twice, mode=mode)  # noqa: SLF001 (what it pads by)
    for axis, (size, stride, spread) in enumerate(
        zip(module.kernel_size, module.stride, module.dilation, strict=True), start=2
    ):
        padded = padded.unfold(axis, spread * (size - 1) + 1, stride)[..., ::spread]
    dims = len(module.kernel_size)
    patches = padded.unflatten(1, (layer.groups, -1))  # batch, groups, channels, *places, *kernel
    patches = patches.movedim(1, 0).movedim(2, 2 + dims)  # groups, batch, *places, channels, *kernel
    found: Tensor = patches.flatten(2 + dims).flatten(1, 1 + dims)
    return found
