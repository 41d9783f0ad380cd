"""One element on one field: views and rolls move the points, an index and a sign (or a matrix) turns the channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from haar.actions.action import Move
from haar.actions.representation.dtypes import require_floating, require_signed


class FieldMove(Move):
    """Exchange, reverse and shift the space axes, then turn the channels, then add an offset.

    What an element does not do is left out when the move is made, so that tracing sees only what happens.

    Args:
        axes: The space axes, negative.
        index: New axis i is old axis ``index[i]``.
        sign: +-1 for every new axis; -1 reverses it.
        roll: Cells by which the content is rolled along every new axis.
        channel_axis: The channel axis, negative, or None where there is none.
        channel_index: New channel c is old channel ``channel_index[c]``, or None.
        channel_sign: +-1 for every channel, or None.
        channel_matrix: Matrix on the channels, float64, instead of an index and a sign.
        offset: What is added at the end, in the tensor's own layout.
    """

    channel_index: Tensor | None
    channel_sign: Tensor | None
    channel_matrix: Tensor | None
    offset: Tensor | None

    def __init__(
        self,
        axes: Sequence[int],
        *,
        index: Sequence[int],
        sign: Sequence[int],
        roll: Sequence[int],
        channel_axis: int | None,
        channel_index: Tensor | None = None,
        channel_sign: Tensor | None = None,
        channel_matrix: Tensor | None = None,
        offset: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.axes = list(axes)
        self.sources = [axes[i] for i in index] if list(index) != list(range(len(axes))) else None
        self.flips = [axis for axis, s in zip(axes, sign, strict=True) if s < 0]
        self.rolls = [(cells, axis) for axis, cells in zip(axes, roll, strict=True) if cells]
        self.channel_axis = -1 if channel_axis is None else channel_axis
        if channel_index is not None and channel_index.tolist() == list(range(len(channel_index))):
            channel_index = None
        if channel_sign is not None:
            # One sign for each channel, shaped to broadcast; a field without a channel axis has one number.
            trailing = -1 - self.channel_axis
            shape = (-1, *[1] * trailing) if channel_axis is not None else ()
            channel_sign = None if bool((channel_sign == 1).all()) else channel_sign.to(torch.float64).reshape(shape)
        self.hold(channel_index=channel_index, channel_sign=channel_sign, channel_matrix=channel_matrix, offset=offset)

    def forward(self, x: Tensor) -> Tensor:
        """Move the points, turn the channels, add the offset."""
        if self.sources is not None:
            order = list(range(x.ndim))
            for axis, source in zip(self.axes, self.sources, strict=True):
                order[axis] = x.ndim + source
            x = x.permute(order)
        if self.flips:
            x = x.flip(self.flips)
        if self.rolls:
            x = x.roll([cells for cells, _ in self.rolls], [axis for _, axis in self.rolls])
        if self.channel_matrix is not None:
            require_floating(x, "x", "matrices on its channels")
            x = (x.movedim(self.channel_axis, -1) @ self.channel_matrix.to(x.dtype).T).movedim(-1, self.channel_axis)
        if self.channel_index is not None:
            x = x.index_select(x.ndim + self.channel_axis, self.channel_index)
        if self.channel_sign is not None:
            require_signed(x, "x", "signs of channels change")
            x = x * self.channel_sign.to(x.dtype)
        if self.offset is not None:
            require_floating(x, "x", "an offset")
            x = x + self.offset.to(x.dtype)
        return x
