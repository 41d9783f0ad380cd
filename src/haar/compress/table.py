"""The table of a model's parameters, and copies whose weights nothing ties."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from haar.compress.batch import Batch
from haar.errors import ArgumentError
from haar.weights import ADAPTERS, ParameterAction, traced
from haar.weights.models import action_of, config_of, state_of, with_state


def table_of(model: nn.Module, example: Batch | None) -> ParameterAction:
    """The table of a model's units and heads, from its configuration, or by tracing it.

    Args:
        model: The model.
        example: A batch to trace it with, where its architecture is not known.

    Raises:
        ArgumentError: If it can be neither found nor traced.
    """
    if config_of(model, None).get("model_type") in ADAPTERS:
        return action_of(model, state_of(model, "model"), "auto")
    if example is None or example.kwargs:
        raise ArgumentError(
            "action",
            expected=f"a model of {', '.join(ADAPTERS)}, one that can be traced with its inputs, or a table",
            got=type(model).__name__,
            way_out="write the table by hand: haar.weights.ParameterAction says how",
        )
    args: Any = tuple(x[:2] if isinstance(x, Tensor) else x for x in example.args)
    return traced(model, args)


def apart(model: nn.Module) -> nn.Module:
    """A copy in which no two names share a parameter, so that a rotation may move each for itself."""
    return with_state(model, state_of(model, "model"))


def duplicated(model: nn.Module) -> nn.Module:
    """A copy of a model.

    Raises:
        ArgumentError: If it is no module, or it cannot be copied.
    """
    if not isinstance(model, nn.Module):
        raise ArgumentError("model", expected="a torch.nn.Module", got=type(model).__name__)
    try:
        with torch.inference_mode(mode=False):  # whose tensors could take no gradients
            made = copy.deepcopy(model)
    except Exception as error:  # a module may hold anything
        raise ArgumentError(
            "model", expected="a model that can be copied", got=f"{type(error).__name__}: {error}"
        ) from error
    return made.eval()
