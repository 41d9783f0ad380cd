"""Where the channels and the space axes of a tensor stand."""

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
    """Which axes of a tensor one sample has, counted from the end; those before them count samples.

    Args:
        count: How many a sample has; None where an action takes whatever comes.
        channel: The axis of components, negative; None where there is none, or none is known.
        space: The axes of points in space, negative: over them every sample has a mean and a spread of its own.
    """

    count: int | None = None
    channel: int | None = None
    space: tuple[int, ...] = ()


@dataclass(frozen=True, init=False)
class FieldAxes(Axes):
    """The axes of a field's tensor.

    Args:
        dim: Number of space axes.
        channels: ``"first"`` for ``(batch, channel, *space)``, ``"last"`` for ``(batch, *space, channel)``, None for
            ``(batch, *space)``.

    Raises:
        ArgumentError: If `channels` is none of these.
    """

    count: int = 0
    dim: int = 0
    channels: str | None = None

    def __init__(self, dim: int, channels: str | None) -> None:
        if channels not in _WHERE:
            raise ArgumentError("channels", expected="'first', 'last' or None", got=repr(channels))
        last = 1 if channels == "last" else 0
        own = {
            "count": dim + (channels is not None),
            "channel": None if channels is None else -1 if last else -1 - dim,
            "space": tuple(axis - dim - last for axis in range(dim)),
            "dim": dim,
            "channels": channels,
        }
        for name, value in own.items():
            object.__setattr__(self, name, value)  # as frozen classes do

    @property
    def where(self) -> str:
        """The axes in words."""
        return _WHERE[self.channels]

    def shape(self, channels: int, space: Sequence[int]) -> tuple[int, ...]:
        """The shape of one sample."""
        return {"first": (channels, *space), "last": (*space, channels), None: tuple(space)}[self.channels]

    def check(self, x: Tensor, argument: str, size: int, names: Callable[[], Sequence[str]]) -> list[int]:
        """Raise unless x has all axes and `size` channels.

        Args:
            x: The tensor whose axes are checked.
            argument: Its name, for the message.
            size: Number of channels it should have.
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
