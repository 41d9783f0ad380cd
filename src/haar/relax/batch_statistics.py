"""Batch statistics taken anew after the free part of a model was switched off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from haar.probing import modes_put_back
from haar.relax.rule import at

_KINDS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def estimate_statistics(model: Any, batches: Iterable[Any], *, gamma: float | int | None = 0.0) -> int:
    """Estimate the running statistics of all BatchNorm layers in one pass over data.

    Statistics that were gathered while gamma was not zero belong to another function. Everything but the BatchNorm
    layers runs in eval mode, and is left as it was.

    Args:
        model: A wrapped model, or any module.
        batches: Inputs, or tuples whose first entry is the input.
        gamma: At which gamma to run, or None for the model as it stands.

    Returns:
        The number of BatchNorm layers found.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        >>> estimate_statistics(model, [torch.randn(64, 2)], gamma=None)
        1
    """
    layers = [layer for layer in model.modules() if isinstance(layer, _KINDS) and layer.track_running_stats]
    if not layers:
        return 0
    momenta = [layer.momentum for layer in layers]
    with modes_put_back(model), torch.no_grad():
        try:
            for layer in layers:
                layer.reset_running_stats()
                layer.momentum = None  # a plain mean over batches
                layer.train()
            for batch in batches:
                inputs = batch[0] if isinstance(batch, (tuple, list)) else batch
                if gamma is None:
                    model(inputs)
                else:
                    with at(model, gamma):
                        model(inputs)
        finally:
            for layer, momentum in zip(layers, momenta, strict=True):
                layer.momentum = momentum
    return len(layers)
