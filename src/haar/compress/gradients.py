"""First-order saliency: gradients of the loss at the model as it came, batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.compress.batch import Batch
from haar.compress.layers import Layer
from haar.compress.metrics import Seen, losses
from haar.errors import ArgumentError


def gradients(
    model: nn.Module, layers: Sequence[Layer], batches: Sequence[Batch], *, squares: bool
) -> Mapping[str, Float[Tensor, "groups out into"]]:
    """For each layer the sizes of its gradients, summed over batches, as its matrices are.

    Args:
        model: The model.
        layers: Its layers.
        batches: Batches with targets.
        squares: Whether gradients are squared before they are summed.

    Raises:
        ArgumentError: If the batches have no targets, or the loss does not depend on a layer.
    """
    if any(batch.target is None for batch in batches):
        expected = "batches with targets, for gradients of the loss"
        raise ArgumentError("calibration", expected=expected, got="inputs alone")
    weights = [layer.weight for layer in layers]
    wanted = [weight.requires_grad for weight in weights]
    found: dict[str, Tensor] = {}
    try:
        for weight in weights:
            weight.requires_grad_(True)
        for batch in batches:
            with torch.inference_mode(mode=False), torch.enable_grad():
                rows = losses(Seen(model, batch, batch.run(model)))
                parts = torch.autograd.grad(rows[:, 0].sum() / rows[:, 1].sum(), weights, allow_unused=True)
            for layer, part in zip(layers, parts, strict=True):
                if part is None:
                    raise ArgumentError(
                        "calibration", expected="a loss that depends on every layer", got=f"{layer.name} unused"
                    )
                size = layer.arranged(part).square() if squares else layer.arranged(part).abs()
                found[layer.path] = found[layer.path] + size if layer.path in found else size.clone()
    finally:
        for weight, before in zip(weights, wanted, strict=True):
            weight.requires_grad_(before)
    return found
