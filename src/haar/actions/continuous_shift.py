"""Shifts of periodic fields by any distance, in Fourier space."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.action import Action, Move
from haar.actions.axes import FieldAxes
from haar.actions.fourier import multiply_modes
from haar.errors import ArgumentError, ShapeError
from haar.groups import Torus


class ContinuousShift(Action):
    """Fields on a periodic grid, shifted by any distance: mode k of an axis turns by exp(-i k angle).

    An angle of 2 pi is the length of the axis; N cells long, a shift by s cells is the angle 2 pi s / N. The content
    moves towards larger coordinates, as with `torch.roll`. This is an exact action of the torus on any data, orthogonal
    and without interpolation error; it is the true shift of data that have no highest mode k = N/2 (always so for odd
    N), which has no direction and stays. All channels move alike. The tangent along axis a is -d/da, in radians.

    Args:
        group: A torus with one circle for each axis that is shifted.
        axes: The space axes that are shifted, ``0 .. space_dim - 1``; by default the first ones.
        space_dim: Number of space axes; by default one for each circle.
        channels: ``"first"``, ``"last"`` or None, as for `Field`.

    Raises:
        ArgumentError: If the group is no torus, or axes and circles do not fit.

    Example:
        >>> import torch
        >>> shift = ContinuousShift(Torus(1), channels=None)
        >>> n = torch.arange(5, dtype=torch.float64)
        >>> half_a_cell = shift.group.element(torch.tensor([torch.pi / 5], dtype=torch.float64))
        >>> moved = shift.act(half_a_cell, torch.sin(2 * torch.pi * n / 5)[None])
        >>> bool((moved - torch.sin(2 * torch.pi * (n - 0.5) / 5)).abs().max() < 1e-14)
        True
    """

    axes: FieldAxes

    def __init__(
        self,
        group: Torus,
        *,
        axes: Sequence[int] | None = None,
        space_dim: int | None = None,
        channels: str | None = "first",
    ) -> None:
        if not isinstance(group, Torus):
            raise ArgumentError("group", expected="a Torus, one circle for each shifted axis", got=repr(group))
        self.group: Torus = group
        self.dim = group.circles if space_dim is None else space_dim
        self.shifted = tuple(range(group.circles)) if axes is None else tuple(axes)
        distinct = len(set(self.shifted)) == len(self.shifted) == group.circles
        if not distinct or not all(0 <= axis < self.dim for axis in self.shifted):
            raise ArgumentError(
                "axes",
                expected=f"{group.circles} different axes of 0..{self.dim - 1}, one for each circle",
                got=self.shifted,
            )
        self.axes = FieldAxes(self.dim, channels)
        self.channels = channels

    def mixed_channels(self, size: int) -> list[tuple[int, ...]]:
        """None are mixed."""
        return [(k,) for k in range(size)]

    def check(self, x: Tensor, argument: str = "x") -> None:
        """Space axes must be there, and values must be floating or complex."""
        if x.ndim < self.axes.count:
            raise ShapeError(argument, expected=f"{self.axes.where} with {self.dim} space axes", got=tuple(x.shape))
        if not (x.is_floating_point() or x.is_complex()):
            raise ArgumentError(
                argument,
                expected="a floating or complex dtype",
                got=str(x.dtype).removeprefix("torch."),
                way_out="shift masks and labels by whole cells: haar.groups.shifts",
            )

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Turn the modes of every shifted axis."""
        self.check(x)
        if self.is_batch(g, x):
            self.axes.check_batch(x)
        return _Shift(self._places(), self.group.angles(g.cpu())).to(x.device).forward(x)

    def move(self, g: Tensor) -> Move:
        """The angles of one element; an axis that it leaves alone costs nothing."""
        angles = self.group.angles(self.one(g).cpu())
        moving = [k for k, angle in enumerate(angles.tolist()) if angle]
        places = self._places()
        return _Shift([places[k] for k in moving], angles[moving])

    def tangent(self, direction: Float[Tensor, " k"], x: Tensor) -> Tensor:
        """Minus the derivative along the direction, in radians (2 pi for the length of an axis)."""
        self.check(x)
        change = torch.zeros_like(x)
        for weight, axis in zip(direction.tolist(), self._places(), strict=True):
            if weight:
                change = change - weight * multiply_modes(x, axis, lambda k: 1j * k, 0.0)
        return change

    def _places(self) -> list[int]:
        return [self.axes.space[axis] for axis in self.shifted]


class _Shift(Move):
    """One shift."""

    angles: Tensor

    def __init__(self, places: list[int], angles: Tensor) -> None:
        super().__init__()
        self.places = places
        self.hold(angles=angles)

    def forward(self, x: Tensor) -> Tensor:
        """Turn the modes of every shifted axis."""
        for circle, axis in enumerate(self.places):
            angle = self.angles[..., circle : circle + 1]
            x = multiply_modes(x, axis, lambda k, angle=angle: torch.exp(-1j * angle * k), 1.0)  # type: ignore[misc]
        return x
