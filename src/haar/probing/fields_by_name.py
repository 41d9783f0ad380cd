"""Fields that stand in a mapping by their names, as the channels of the one tensor that a model takes or gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from haar.actions import Action, FieldSpec, Layout
from haar.errors import ShapeError


def joined_fields(action: Action, values: Mapping[str, Any], argument: str = "data") -> Tensor | None:
    """The channels of a field made of several, where every one of them is held by its name.

    Args:
        action: How the field is moved; it knows its fields if it was made of them (`Symmetry.of_fields`).
        values: Tensors by name: scalars with or without an axis of one channel, tensors with their components on one
            axis.
        argument: What the caller calls the values.

    Returns:
        The field; None if one of its fields is missing, or it stacks several time steps.

    Raises:
        ShapeError: If a field has another number of components, or they differ in their points.

    Example:
        >>> from haar.actions import Symmetry
        >>> action = Symmetry.of_fields("D4", "p, u:vector").outputs
        >>> joined_fields(action, {"u": torch.ones(5, 2, 4, 4), "p": torch.ones(5, 4, 4)}).shape
        torch.Size([5, 3, 4, 4])
    """
    layout = getattr(action, "layout", None)
    axis = action.axes.channel
    if not isinstance(layout, Layout) or layout.history != 1 or axis is None:
        return None
    held: list[tuple[FieldSpec, Any]] = [(field, values.get(field.name)) for field in layout.fields]
    if not all(isinstance(value, Tensor) for _, value in held):
        return None
    # Components tell whether there is an axis of samples; scalars alone are taken to have one.
    rank = next((value.ndim for field, value in held if field.order), layout.dim + 2)
    channels = [_channels(field, value, (axis, field.size(layout.dim), rank), argument) for field, value in held]
    try:
        return torch.cat(channels, axis)
    except RuntimeError as error:
        shapes = ", ".join(f"{field.name} {tuple(value.shape)}" for field, value in held)
        raise ShapeError(argument, expected="fields with the same samples on the same points", got=shapes) from error


def _channels(field: FieldSpec, value: Tensor, wanted: tuple[int, int, int], argument: str) -> Tensor:
    """One field with an axis of channels.

    Raises:
        ShapeError: If it has not the components of its kind.
    """
    axis, size, rank = wanted
    if size == 1 and value.ndim == rank - 1:
        value = value.unsqueeze(axis)
    if value.ndim != rank or value.shape[axis] != size:
        raise ShapeError(
            f"{argument}[{field.name!r}]",
            expected=f"{rank} axes, with {size} components of a {field.kind} on axis {axis}",
            got=tuple(value.shape),
        )
    return value
