"""What a model must answer so that it can be checked: one tensor of numbers, with a row for every sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from haar.check.samples import Samples
from haar.errors import ArgumentError
from haar.probing import undisturbed

#: Rows that are tried: few, and seldom the size of another axis.
_ROWS = 3


def answerable(model: Callable[..., Any], samples: Samples) -> Samples:
    """The samples with labels in the shape of the model's answers.

    What a model answers that cannot be compared row by row, or not with these labels, is told in a line. One that fails
    is left to whoever runs it in its own precision.

    Args:
        model: The model.
        samples: The samples.

    Raises:
        ArgumentError: If the model gives no tensor, whole numbers, or not one answer a row; or labels do not fit.
    """
    x = samples.inputs[:_ROWS].detach().clone()
    try:
        with undisturbed(model), torch.no_grad():
            y = model(x)
    except Exception:  # noqa: BLE001 (told by what runs it next, with the user's own line)
        return samples
    expected = f"one tensor with an answer for each of {len(x)} samples"
    if not isinstance(y, Tensor):
        raise ArgumentError("model", expected=expected, got=type(y).__name__, way_out=_picked(y))
    if not y.ndim or len(y) != len(x):
        raise ArgumentError("model", expected=expected, got=f"shape {tuple(y.shape)}")
    if not (y.is_floating_point() or y.is_complex()):
        raise ArgumentError(
            "model",
            expected="numbers in floating point, which can be averaged",
            got=str(y.dtype).removeprefix("torch."),
            way_out="let the model return scores and decide afterwards",
        )
    return _fitting(y, samples)


def _fitting(y: Tensor, samples: Samples) -> Samples:
    labels = samples.labels
    numbers = math.prod(y.shape[1:])
    if labels is None:
        return samples
    if math.prod(labels.shape[1:]) == numbers:
        alike = [size for size in labels.shape[1:] if size != 1] == [size for size in y.shape[1:] if size != 1]
        if alike or labels.ndim == 2:
            return replace(samples, labels=labels.reshape(len(labels), *y.shape[1:]))
        expected = f"labels of shape {(len(labels), *y.shape[1:])}, as the model answers"
        raise ArgumentError("data", expected=expected, got=tuple(labels.shape))
    classes = not labels.is_floating_point() and math.prod(labels.shape[1:]) == 1
    raise ArgumentError(
        "data",
        expected=f"labels of {numbers} numbers a sample, as the model answers",
        got=f"shape {tuple(labels.shape)}",
        way_out="squared errors of classes want torch.nn.functional.one_hot(labels), or no labels" if classes else "",
    )


def _picked(y: Any) -> str:
    """How the output that is meant is picked."""
    place = repr(next(iter(y), "")) if isinstance(y, Mapping) else "0" if isinstance(y, (tuple, list)) else ""
    if isinstance(y, (tuple, list)) and not any(isinstance(part, Tensor) for part in y):
        place = ""
    return f"pick the one that is meant: lambda x: model(x)[{place}]" if place else "let it return a tensor"
