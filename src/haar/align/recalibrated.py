"""Batch norms whose statistics are those of the network that they are in: taken anew after networks were averaged."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from haar.errors import ArgumentError

_COUNTING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def recalibrated(model: nn.Module, data: Iterable[Any]) -> nn.Module:
    """A copy of a model whose batch norms have the statistics of some data.

    The mean of two networks has activations that vary less than those of either; with statistics that were averaged as
    well it is far worse than it has to be. Nothing is learned: parameters stay.

    Args:
        model: The model; it is left as it was.
        data: Batches of inputs (or of inputs and labels, of which the first is taken), of which the training data are.

    Raises:
        ArgumentError: If there is no batch, one has too few samples for a variance, or numbers are not finite.

    Source: Jordan et al., "REPAIR: REnormalizing Permuted Activations for Interpolation Repair", arXiv 2211.08403.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm1d(1)).eval()
        >>> recalibrated(model, [torch.tensor([[1.0], [3.0]])])[0].running_mean
        tensor([2.])
    """
    made = copy.deepcopy(model).eval()
    norms = [part for part in made.modules() if isinstance(part, _COUNTING) and part.track_running_stats]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    if isinstance(data, torch.Tensor):
        raise ArgumentError("data", expected="batches, such as [x]", got="one tensor")
    count = 0
    with torch.no_grad():
        for batch in data:
            _run(made, batch[0] if isinstance(batch, (tuple, list)) else batch, count)
            count += 1
    if not count:
        raise ArgumentError("data", expected="at least one batch", got="none")
    _check_statistics(norms)
    for part, own in zip(made.modules(), model.modules(), strict=True):
        part.training = own.training
        if isinstance(part, _COUNTING) and isinstance(own, _COUNTING):
            part.momentum = own.momentum
    return made


def _check_statistics(norms: Iterable[nn.Module]) -> None:
    for norm in norms:
        if not all(bool(own.isfinite().all()) for own in norm.buffers() if own.is_floating_point()):
            raise ArgumentError("data", expected="finite activations before every batch norm", got="NaN or infinity")


def _run(model: nn.Module, batch: Any, number: int) -> None:
    """One batch through the model; what torch says of one that does not fit is said of the data."""
    try:
        model(batch)
    except (TypeError, ValueError, RuntimeError) as error:
        told = " ".join(str(error).split())[:160]
        expected = "inputs that the model takes, of more than one sample"
        raise ArgumentError(f"data: batch {number}", expected=expected, got=f"others ({told})") from error
