"""Where the channels and the space axes of a field's tensor stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from haar.errors import ArgumentError, ShapeError


def check_axis(axis: object) -> None:
    """Refuse what is no axis counted from the end.

    Raises:
        ArgumentError: If it is no negative whole number.
    """
    if isinstance(axis, bool) or not isinstance(axis, int) or axis >= 0:
        raise ArgumentError("axis", expected="a negative axis, counted from the end", got=repr(axis))


_WHERE = {"first": "(batch, channel, *space)", "last": "(batch, *space, channel)", None: "(batch, *space)"}


@dataclass(frozen=True)
class Axes:
    """The axes of a field's tensor, counted from its end so that batch axes may stand before them.

    Args:
        dim: Number of space axes.
        channels: ``"first"`` for ``(batch, channel, *space)``, ``"last"`` for ``(batch, *space, channel)``, None for
            ``(batch, *space)``.

    Raises:
        ArgumentError: If `channels` is none of these.
    """

    dim: int
    channels: str | None

    def __post_init__(self) -> None:
        if self.channels not in _WHERE:
            raise ArgumentError("channels", expected="'first', 'last' or None", got=repr(self.channels))

    @property
    def where(self) -> str:
        """The axes in words."""
        return _WHERE[self.channels]

    @property
    def channel(self) -> int | None:
        """The channel axis, negative; None where there is none."""
        return None if self.channels is None else -1 - self.dim if self.channels == "first" else -1

    @property
    def space(self) -> tuple[int, ...]:
        """The space axes, negative."""
        last = 1 if self.channels == "last" else 0
        return tuple(axis - self.dim - last for axis in range(self.dim))

    @property
    def count(self) -> int:
        """Number of axes of one sample."""
        return self.dim + (self.channels is not None)

    def check(self, x: Tensor, argument: str, size: int, names: Callable[[], Sequence[str]]) -> list[int]:
        """Raise unless x has all axes and `size` channels.

        Args:
            x: The tensor.
            argument: Its name, for the message.
            size: How many channels it should have.
            names: Gives the names of the channels, for the message.

        Returns:
            The lengths of the space axes.

        Raises:
            ShapeError: If an axis is missing or the number of channels is another.
        """
        if x.ndim < self.count:
            raise ShapeError(argument, expected=f"{self.where} with {self.dim} space axes", got=tuple(x.shape))
        if self.channel is not None and x.shape[self.channel] != size:
            raise ShapeError(
                argument,
                expected=f"{size} channels ({', '.join(names())}) on axis {self.channel} of {self.where}",
                got=f"{x.shape[self.channel]} in {tuple(x.shape)}",
                way_out="name all fields and the history that the model's tensor has",
            )
        return [int(x.shape[axis]) for axis in self.space]

    def check_batch(self, x: Tensor) -> None:
        """Raise unless x has a batch axis before the axes of one sample.

        Raises:
            ShapeError: If it has none.
        """
        if x.ndim == self.count:
            raise ShapeError("x", expected=f"a batch axis, for one element a sample: {self.where}", got=tuple(x.shape))

    def channels_first(self, x: Tensor) -> Tensor:
        """The tensor as ``(*batch, channel, *space)``."""
        if self.channels is None:
            return x.unsqueeze(-1 - self.dim)
        return x.movedim(-1, -1 - self.dim) if self.channels == "last" else x

    def restored(self, x: Tensor) -> Tensor:
        """From ``(*batch, channel, *space)`` back to these axes."""
        if self.channels is None:
            return x.squeeze(-1 - self.dim)
        return x.movedim(-1 - self.dim, -1) if self.channels == "last" else x
