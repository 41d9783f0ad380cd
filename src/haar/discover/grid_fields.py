"""Vector fields on the space of fields on a grid: shifts, turns and stretchings of the grid, mixing of channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from haar.discover.dictionaries import VectorField
from haar.errors import ArgumentError

#: Fields may leave their background by so much of their range in the outer eighth.
_SEAM = 1e-3
#: A grid is periodic if its ends differ by no more than so many times what neighbours do.
_ENDS = 3.0
#: Channels up to which all their mixtures are tried.
_MIXED = 4


@dataclass
class GridFields:
    """Shifts, linear motions of the grid, mixtures of channels and constants, for inputs ``(b, channels, *grid)``.

    Along a periodic axis derivatives are spectral; there the linear motions x_b d_a are no fields on the torus, and are
    allowed only where the data keep to their background near the seam. Along others differences are of fourth order,
    and two cells at every end are left out.

    Args:
        periodic: For all axes or for each; None looks whether the ends of the data fit.
        linear: Whether the grid may be turned and stretched.
        mixing: Whether channels may be mixed (up to four of them).
        constants: Whether a constant may be added to a channel.

    Attributes:
        said: What was left out, and what was taken to be periodic, known after `fields`.
        mask: Cells that count, ``(*grid)``, known after `fields`.
    """

    periodic: bool | Sequence[bool] | None = None
    linear: bool = True
    mixing: bool = True
    constants: bool = True
    said: list[str] = field(default_factory=list)
    mask: Tensor | None = None

    def fields(self, shape: tuple[int, ...], inputs: Tensor) -> list[tuple[str, VectorField]]:
        """All that the data allow."""
        if len(shape) < 2:
            raise ArgumentError("dictionary", expected="inputs (b, channels, *grid) for GridFields", got=("b", *shape))
        grid, self.said = shape[1:], []
        axes = self._axes(inputs)
        names = "xyz"[: len(grid)] if len(grid) <= 3 else [f"x{a}" for a in range(len(grid))]
        size = max(grid) / 2
        slopes = [_slope(a, size, periodic=periodic) for a, periodic in enumerate(axes)]
        self.mask = _interior(grid, axes)
        found = [(f"d{names[a]}", slope) for a, slope in enumerate(slopes)]
        for b in self._moved_along(inputs, axes, names):
            where = _place(grid, b, size)
            found += [(f"{names[b]} d{names[a]}", _times(where, slope)) for a, slope in enumerate(slopes)]
        channels = shape[0]
        if self.mixing and channels <= _MIXED:
            found += [(f"u{i} into {j}", _mix(i, j, channels)) for i in range(channels) for j in range(channels)]
        if self.constants:
            found += [(f"1 into {i}", _mix(None, i, channels)) for i in range(channels)]
        return found

    def _moved_along(self, inputs: Tensor, axes: list[bool], names: Sequence[str]) -> list[int]:
        """Axes along which motions may grow; not those along which the data reach the seam, which is said."""
        seams = [b for b, periodic in enumerate(axes) if self.linear and periodic and not _keeps_off(inputs, b)]
        self.said += [f"the data reach the seam along {names[b]}: motions {names[b]} d are left out" for b in seams]
        return [b for b in range(len(axes)) if self.linear and b not in seams]

    def _axes(self, inputs: Tensor) -> list[bool]:
        count = inputs.ndim - 2
        if self.periodic is None:
            axes = [_ends_meet(inputs, a) for a in range(count)]
            self.said.append(f"taken to be periodic along its axes, by its ends: {', '.join(map(str, axes))}")
            return axes
        axes = [self.periodic] * count if isinstance(self.periodic, bool) else list(self.periodic)
        if len(axes) != count:
            raise ArgumentError("periodic", expected=f"one for each of {count} axes", got=len(axes))
        return axes


def _ends_meet(x: Tensor, axis: int) -> bool:
    a = axis + 2
    n = x.shape[a]
    jump = (x.select(a, 0) - x.select(a, n - 1)).square().mean()
    step = x.diff(dim=a).square().mean()
    return bool(jump <= _ENDS**2 * step)


def _keeps_off(x: Tensor, axis: int) -> bool:
    """Whether every field is at its background in the outer eighth along an axis."""
    a = axis + 2
    n = x.shape[a]
    outer = max(n // 8, 1)
    ends = torch.cat([x.narrow(a, 0, outer), x.narrow(a, n - outer, outer)], a).flatten(2)
    background = ends.median(-1, keepdim=True).values
    span = x.flatten(2).amax(-1) - x.flatten(2).amin(-1)
    away = (ends - background).abs().amax(-1)
    return bool((away <= _SEAM * span.amax(0).clamp_min(1e-300)).all())


def _slope(axis: int, size: float, *, periodic: bool) -> VectorField:
    """Minus the derivative along an axis: the velocity of a field that is shifted forwards."""

    def spectral(u: Tensor) -> Tensor:
        a = axis + 2
        n = u.shape[a]
        frequency = torch.fft.fftfreq(n, 1 / n, dtype=torch.float64, device=u.device)
        if n % 2 == 0:
            frequency[n // 2] = 0
        turn = (-2j * math.pi * size / n) * frequency
        shape = [1] * u.ndim
        shape[a] = n
        moved: Tensor = torch.fft.ifft(torch.fft.fft(u, dim=a) * turn.reshape(shape), dim=a).real
        return moved.to(u.dtype)

    def differences(u: Tensor) -> Tensor:
        a = axis + 2
        wide = (8 * (u.roll(-1, a) - u.roll(1, a)) - (u.roll(-2, a) - u.roll(2, a))) / 12
        n = u.shape[a]
        inside = torch.arange(n, device=u.device)
        shape = [1] * u.ndim
        shape[a] = n
        keep = ((inside >= 2) & (inside < n - 2)).reshape(shape)
        return -size * torch.where(keep, wide, torch.zeros_like(wide))

    return spectral if periodic else differences


def _place(grid: Sequence[int], axis: int, size: float) -> Tensor:
    """Coordinates along an axis from the middle, in halves of the longest axis."""
    n = grid[axis]
    shape = [1] * len(grid)
    shape[axis] = n
    return ((torch.arange(n, dtype=torch.float64) - (n - 1) / 2) / size).reshape(shape)


def _interior(grid: Sequence[int], axes: Sequence[bool]) -> Tensor:
    mask = torch.ones(*grid, dtype=torch.float64)
    for a, periodic in enumerate(axes):
        if not periodic:
            mask.narrow(a, 0, 2).zero_()
            mask.narrow(a, grid[a] - 2, 2).zero_()
    return mask


def _times(where: Tensor, slope: VectorField) -> VectorField:
    return lambda u: where.to(u) * slope(u)


def _mix(source: int | None, target: int, channels: int) -> VectorField:
    def mixed(u: Tensor) -> Tensor:
        part = torch.ones_like(u[:, 0]) if source is None else u[:, source]
        return torch.stack([part if k == target else torch.zeros_like(part) for k in range(channels)], 1)

    return mixed
