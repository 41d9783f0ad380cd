"""What fields on grids share, however their points move: channels with a representation, axes of space, names."""

from __future__ import annotations

import torch
from torch import Tensor

from haar.actions.action import Action
from haar.actions.axes import FieldAxes
from haar.actions.layout import Layout
from haar.actions.representation import Representation
from haar.actions.representation.representation import check_representation
from haar.errors import ArgumentError


class OnGrid(Action):
    """A representation on the channels of a tensor with axes of space.

    Args:
        rep: Representation on the channels.
        dim: Number of space axes.
        channels: ``"first"``, ``"last"`` or None.

    Attributes:
        axes: Where channels and space are.
        layout: The fields behind the channels, where they are known.

    Raises:
        ArgumentError: If there are several channels and no axis for them.
    """

    axes: FieldAxes
    rep: Representation

    def __init__(self, rep: Representation, dim: int, channels: str | None) -> None:
        check_representation("rep", rep)
        self.rep, self.group, self.dim = rep, rep.group, dim
        self.axes, self.channels = FieldAxes(dim, channels), channels
        if channels is None and rep.dim != 1:
            raise ArgumentError(
                "channels", expected="'first' or 'last' for more than one channel", got=f"None with {rep.dim}"
            )
        self.layout: Layout | None = None

    def channel_blocks(self, size: int) -> list[tuple[str, tuple[int, ...]]]:
        """One for each field of the layout, all time steps together; fields that elements mix are one."""
        if self.layout is None:
            return super().channel_blocks(size)
        return self.layout.joined_blocks(self.mixed_channels(size))

    def example(self, batch: int, size: int, generator: torch.Generator | None = None) -> Tensor:
        """On the group's own grid, or with `size` points along every axis."""
        space = self.group.grid_shape or (size,) * self.dim
        shape = self.axes.shape(self.rep.dim, space)
        return torch.randn(batch, *shape, generator=generator, dtype=torch.float64)

    def _channel_names(self) -> list[str]:
        return [self.rep.name] if self.layout is None else self.layout.channel_names()
