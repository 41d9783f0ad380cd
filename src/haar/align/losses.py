"""Losses of a model and a batch; torch's own, of outputs and targets, are taken as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.probing.told_apart import told_apart

Loss = Callable[..., Tensor]
"""Of a model (or a function that runs one) and a batch; a tensor of one number."""


def loss_of(loss: Any) -> Loss:
    """A loss of a model and a batch, for one that may be of outputs and targets.

    Args:
        loss: Called with a model and a batch. Or a module, such as `torch.nn.MSELoss`, or one of
            `torch.nn.functional`, called with outputs and targets: then batches are pairs of inputs and targets.

    Raises:
        ArgumentError: If it cannot be called, or, when it is called, a batch is no pair.

    Example:
        >>> model, x = nn.Linear(1, 1, bias=False), torch.ones(4, 1)
        >>> own = loss_of(lambda model, batch: (model(batch[0]) - batch[1]).square().mean())
        >>> torch.equal(loss_of(nn.MSELoss())(model, (x, x)), own(model, (x, x)))
        True
    """
    if not callable(loss):
        raise ArgumentError(
            "loss",
            expected="a function of a model and a batch, or torch's loss of outputs and targets, such as nn.MSELoss()",
            got=repr(loss) if isinstance(loss, str) else type(loss).__name__,
        )
    if not _compares(loss):
        return loss  # type: ignore[no-any-return]

    def of_model(model: Callable[..., Any], batch: Any) -> Tensor:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise ArgumentError(
                "data",
                expected=f"batches of inputs and targets, for {_name(loss)} compares outputs with targets",
                got=f"a batch of type {type(batch).__name__}",
                way_out="give pairs, or a loss of a model and a batch",
            )
        inputs, target = batch
        if isinstance(inputs, Mapping):
            outputs = model(**inputs)
        elif isinstance(inputs, (tuple, list)):
            outputs = model(*inputs)
        else:
            outputs = model(inputs)
        return loss(outputs, target)  # type: ignore[no-any-return]

    return of_model


def batches_for(loss: Any, data: Any) -> list[Any]:
    """The batches; tensors of all inputs and targets are one batch of a loss that compares them.

    Args:
        loss: As for `loss_of`.
        data: An iterable of batches; or inputs and targets, as `haar.probing.told_apart` tells them.

    Raises:
        ArgumentError: If there are none, or nothing that batches are read from.
    """
    if _compares(loss):
        data = told_apart(data, alike="batches")
        if isinstance(data, tuple) and len(data) == 2 and isinstance(data[1], Tensor):
            return [data]
    try:
        batches = list(data)
    except TypeError:
        raise ArgumentError("data", expected="an iterable of batches", got=type(data).__name__) from None
    if not batches:
        raise ArgumentError("data", expected="at least one batch", got="none")
    return batches


def inputs_of_first(data: Any) -> Any:
    """Inputs of a model: of the first batch, where batches can be read again; None where they cannot.

    Args:
        data: An iterable of batches, of inputs or of pairs; or a tensor of inputs.

    Example:
        >>> inputs_of_first([(torch.ones(2, 3), torch.zeros(2))]).shape
        torch.Size([2, 3])
    """
    if isinstance(data, tuple) and data and isinstance(data[0], Tensor):
        return data[0]
    if isinstance(data, Tensor) or not isinstance(data, Iterable) or isinstance(data, Mapping):
        return data if isinstance(data, Tensor) else None
    with torch.random.fork_rng(devices=[]):  # a loader that shuffles does so as if nobody had looked
        batches = iter(data)
        first = None if batches is data else next(batches, None)
    first = first[0] if isinstance(first, (tuple, list)) and len(first) else first
    return first if isinstance(first, Tensor) else None


def _compares(loss: Any) -> bool:
    """Whether it is called with outputs and targets: a module, or a function of torch."""
    name = getattr(loss, "__name__", "")
    return isinstance(loss, nn.Module) or (bool(name) and getattr(torch.nn.functional, name, None) is loss)


def _name(loss: Any) -> str:
    return type(loss).__name__ if isinstance(loss, nn.Module) else str(loss.__name__)
