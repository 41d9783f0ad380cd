"""Actions on tensors of channels and space: where their axes are."""

from __future__ import annotations

from haar.actions.action import Action
from haar.actions.axes import Axes


class OnGrid(Action):
    """An action whose own axes are one of channels (or none) and those of space.

    Attributes:
        axes: Which these are.
    """

    axes: Axes

    @property
    def own_axes(self) -> int:
        """Channels and space."""
        return self.axes.count

    @property
    def channel_axis(self) -> int | None:
        """The channels."""
        return self.axes.channel

    @property
    def grid_axes(self) -> tuple[int, ...]:
        """The space."""
        return self.axes.space
