"""Z-scores: from physical units to what a model was trained on, and back, channel by channel."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.layout import FieldSpec, Layout
from haar.data.naming import known
from haar.data.well.statistics import Statistics, Table
from haar.errors import ArgumentError, ShapeError

SMALLEST_STD = 1e-4


class ZScore(nn.Module):
    """Subtracts the mean and divides by the standard deviation of every channel of a layout.

    Statistics of single components do not survive a rotation: do not act with a group on normalised values unless the
    statistics are invariant under it (all components of a vector share one std, and its mean is 0).

    Args:
        statistics: Of the fields, from `WellReader.statistics`, `compute_statistics` or elsewhere.
        layout: The channels: with a history, the statistics are repeated.
        delta: Use the statistics of the change from one step to the next, for models that predict it.
        smallest: Standard deviations below this count as this (1e-4 in The Well's own code).

    Raises:
        ArgumentError: If a field is not in the statistics, or `smallest` is not positive.
        ShapeError: If the statistics of a field have another number of components.

    Example:
        >>> statistics = Statistics(mean={"p": np.array(3.0)}, std={"p": np.array(2.0)})
        >>> score = ZScore(statistics, Layout.parse("p", dim=1))
        >>> score(torch.tensor([[3.0, 5.0]])), score.denormalise(torch.tensor([[0.0, 1.0]]))
        (tensor([[0., 1.]]), tensor([[3., 5.]]))
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, statistics: Statistics, layout: Layout, *, delta: bool = False, smallest: float = SMALLEST_STD
    ) -> None:
        super().__init__()
        if not smallest > 0.0:
            raise ArgumentError("smallest", expected="a positive number", got=smallest)
        self.layout = layout
        mean, std = (statistics.mean_delta, statistics.std_delta) if delta else (statistics.mean, statistics.std)
        fields = [field for field, _ in layout.blocks()]
        self.register_buffer("mean", _channels(mean, fields, layout.dim, "mean_delta" if delta else "mean"))
        spread = _channels(std, fields, layout.dim, "std_delta" if delta else "std")
        self.register_buffer("std", spread.clamp(min=smallest))

    def normalise(self, x: Float[Tensor, "*batch_channel_space"]) -> Float[Tensor, "*batch_channel_space"]:
        """Subtract mean and divide by std, for (..., channel, *space).

        Raises:
            ShapeError: If the number of channels is not the layout's.
        """
        mean, std = self._shaped(x)
        return (x - mean) / std

    def denormalise(self, x: Float[Tensor, "*batch_channel_space"]) -> Float[Tensor, "*batch_channel_space"]:
        """Multiply by std and add mean, for (..., channel, *space).

        Raises:
            ShapeError: If the number of channels is not the layout's.
        """
        mean, std = self._shaped(x)
        return x * std + mean

    def forward(self, x: Float[Tensor, "*batch_channel_space"]) -> Float[Tensor, "*batch_channel_space"]:
        """The same as `normalise`."""
        return self.normalise(x)

    def _shaped(self, x: Tensor) -> tuple[Tensor, Tensor]:
        axis = x.ndim - self.layout.dim - 1
        if axis < 0 or x.shape[axis] != self.layout.channels:
            raise ShapeError(
                "x",
                expected=f"{self.layout.channels} channels before {self.layout.dim} space axes",
                got=f"shape {tuple(x.shape)}",
            )
        shape = (-1, *(1,) * self.layout.dim)
        return self.mean.to(x.dtype).view(shape), self.std.to(x.dtype).view(shape)


def _channels(table: Table, fields: list[FieldSpec], dim: int, key: str) -> Tensor:
    parts = []
    for field in fields:
        known(field.name, table, argument=f"statistics.{key}")
        values = np.asarray(table[field.name], dtype=np.float64)
        if values.shape != (dim,) * field.order:
            raise ShapeError(
                f"statistics.{key} of {field.name}",
                expected=f"shape {(dim,) * field.order}",
                got=f"shape {values.shape}",
            )
        parts.append(torch.from_numpy(values.reshape(-1).copy()))
    return torch.cat(parts)
