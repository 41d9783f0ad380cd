"""From named arrays with components last, as The Well stores fields, to one tensor with channels, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from jaxtyping import Shaped
from torch import Tensor

from haar.actions.layout import FieldSpec
from haar.errors import ArgumentError, ShapeError


def split_channels(
    tensor: Shaped[Tensor, "*all"], fields: Iterable[FieldSpec], dim: int
) -> dict[str, Shaped[Tensor, "..."]]:
    """Take a tensor (..., channel, *space) apart into fields (..., *space, *component).

    Args:
        tensor: Channels stacked in the order of `fields`.
        fields: Fields whose components are the channels, in their order.
        dim: Number of space dimensions.

    Returns:
        A view for every field: components last, second-order tensors (..., *space, dim, dim), row-major.

    Raises:
        ShapeError: If the number of channels is not the one that the fields have.

    Example:
        >>> fields = [FieldSpec("p"), FieldSpec("u", order=1)]
        >>> {k: tuple(v.shape) for k, v in split_channels(torch.zeros(5, 3, 8, 4), fields, dim=2).items()}
        {'p': (5, 8, 4), 'u': (5, 8, 4, 2)}
    """
    fields = list(fields)
    sizes = [field.size(dim) for field in fields]
    axis = tensor.ndim - dim - 1
    if axis < 0 or tensor.shape[axis] != sum(sizes):
        raise ShapeError(
            "tensor",
            expected=f"{sum(sizes)} channels ({', '.join(field.name for field in fields)}) before {dim} space axes",
            got=f"shape {tuple(tensor.shape)}",
        )
    found = {}
    for field, part in zip(fields, tensor.split(sizes, dim=axis), strict=True):
        last = part.movedim(axis, -1)
        found[field.name] = last.unflatten(-1, (dim,) * field.order) if field.order else last.squeeze(-1)
    return found


def join_channels(
    arrays: Mapping[str, Shaped[Tensor, "..."]], fields: Iterable[FieldSpec], dim: int
) -> Shaped[Tensor, "..."]:
    """The inverse of `split_channels`.

    Args:
        arrays: For every field (..., *space, *component).
        fields: The fields, in the order of the channels.
        dim: Number of space dimensions.

    Returns:
        A new tensor (..., channel, *space).

    Raises:
        ArgumentError: If a field is missing.
    """
    parts = []
    for field in fields:
        if field.name not in arrays:
            raise ArgumentError("arrays", expected=f"the field {field.name}", got=f"only {', '.join(arrays) or 'none'}")
        array = arrays[field.name]
        last = array.flatten(-field.order) if field.order else array.unsqueeze(-1)
        parts.append(last.movedim(-1, last.ndim - dim - 1))
    return torch.cat(parts, dim=parts[0].ndim - dim - 1)
