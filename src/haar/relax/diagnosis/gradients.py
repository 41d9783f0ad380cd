"""Gradients by the effective weights of a strictly equivariant model, of one batch and sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from haar.containers import mapped
from haar.errors import ArgumentError, formerly
from haar.relax.weight_law import layers_of
from haar.relax.wrapping.homotopy_layer import HomotopyLayer

Loss = Callable[[Any, Any], Tensor]


def strict_copy(model: Any) -> tuple[nn.Module, dict[str, HomotopyLayer]]:
    """The model at gamma = 0 with plain layers, in float64 and eval mode, and its wrapped layers that have a weight."""
    layers = {name: layer for name, layer in layers_of(model).items() if _has_matrix(layer)}
    if not layers:
        raise ArgumentError("model", expected="a wrapped layer with a weight matrix or kernel", got="none")
    return model.export(0.0).double().eval(), layers


def chosen(layers: dict[str, HomotopyLayer], names: Sequence[str] | None) -> dict[str, HomotopyLayer]:
    """Some of the layers, by name.

    Raises:
        ArgumentError: If a name is unknown.
    """
    if names is None:
        return layers
    for name in names:
        if name not in layers:
            raise ArgumentError("layers", expected=f"names among {', '.join(layers)}", got=repr(name))
    return {name: layers[name] for name in names}


def double(values: Any) -> Any:
    """Floating tensors in float64; everything else as it is."""
    return mapped(lambda x: x.double() if x.is_floating_point() else x, values)


def batch_gradients(
    model: Any, loss: Loss, inputs: Any, target: Any, *, layers: Sequence[str] | None = None
) -> dict[str, Tensor]:
    """The gradient of the mean loss of a batch by every layer's effective weight, at gamma = 0, in float64.

    Args:
        model: A wrapped model.
        loss: The task's loss of (prediction, target), a mean over samples.
        inputs: A tensor, or a tuple of the model's arguments.
        target: What the loss compares with.
        layers: Names of layers; by default all.
    """
    strict, found = strict_copy(model)
    found = chosen(found, layers)
    arguments = double(inputs if isinstance(inputs, tuple) else (inputs,))
    weights = {name: _weight(strict, name) for name in found}
    for weight in weights.values():
        weight.requires_grad_(True)
    value = loss(strict(*arguments), double(target))
    return dict(zip(weights, torch.autograd.grad(value, list(weights.values())), strict=True))


@formerly(chunk="batch_size")
def sample_gradients(
    model: Any, loss: Loss, inputs: Any, target: Any, *, layers: Sequence[str] | None = None, batch_size: int = 256
) -> dict[str, Tensor]:
    """The gradient of every sample's loss by every layer's effective weight: ``(n, *shape)`` each, in float64.

    One vectorised backward pass, by `torch.func`.

    Args:
        model: A wrapped model.
        loss: The task's loss of (prediction, target); it is called with batches of one.
        inputs: A tensor, or a tuple of the model's arguments, samples on axis 0.
        target: What the loss compares with, samples on axis 0.
        layers: Names of layers; by default all.
        batch_size: Samples at a time.
    """
    strict, found = strict_copy(model)
    found = chosen(found, layers)
    arguments = double(inputs if isinstance(inputs, tuple) else (inputs,))
    wanted = double(target)
    held = {name: value.detach() for name, value in (*strict.named_parameters(), *strict.named_buffers())}
    keys = {name: _key(strict, name) for name in found}
    free = {key: held.pop(key) for key in keys.values()}

    def one(weights: dict[str, Tensor], x: Any, y: Any) -> Tensor:
        x, y = (mapped(lambda leaf: leaf.unsqueeze(0), tree) for tree in (x, y))
        return loss(torch.func.functional_call(strict, {**held, **weights}, x), y)

    each = torch.func.vmap(torch.func.grad(one), in_dims=(None, 0, 0), chunk_size=batch_size)(free, arguments, wanted)
    return {name: each[key] for name, key in keys.items()}


def _has_matrix(layer: HomotopyLayer) -> bool:
    weight = getattr(layer, "weight", None)
    return isinstance(weight, Tensor) and weight.ndim >= 2


def _key(module: nn.Module, name: str) -> str:
    """Where a layer's weight is in the exported model, which may be the layer itself."""
    return f"{name}.weight" if any(name == own for own, _ in module.named_modules()) and name else "weight"


def _weight(module: nn.Module, name: str) -> Tensor:
    return module.get_parameter(_key(module, name))
