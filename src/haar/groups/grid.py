"""Symmetries of a periodic grid: a point group of its axes together with shifts by whole cells."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from haar.errors import ArgumentError, check_count
from haar.groups.catalogue import trivial
from haar.groups.door import check_enumerated
from haar.groups.finite import FiniteGroup
from haar.groups.group import Motion
from haar.host import on_the_host


class GridGroup(FiniteGroup):
    """The semidirect product of shifts and a point group: (t1, R1)(t2, R2) = (t1 + R1 t2, R1 R2).

    An element moves the content of a grid first by the point part R, then by the shift t. Its number is
    ``point * n_shifts + shift``; products are computed, never tabulated.

    Args:
        point: A group that moves grids without shifting them (D4, reflections, Oh, ...).
        shape: Cells along every axis.
        step: Smallest shift along every axis, in cells; the axis length itself means no shifts along it.
    """

    def __init__(self, point: FiniteGroup, shape: Sequence[int], step: Sequence[int]) -> None:
        self.point = point
        self.shape = tuple(int(n) for n in shape)
        self.step = tuple(int(s) for s in step)
        self.counts = tuple(n // s for n, s in zip(self.shape, self.step, strict=True))
        self.space_dim = len(self.shape)
        self.grid_shape = self.shape
        self.n_shifts = math.prod(self.counts)
        shifts = "T" + "x".join(str(c) for c in self.counts)
        self.name = shifts if point.order == 1 else f"{point.name} x {shifts}"

    def _content(self) -> tuple[object, ...]:
        return (self.shape, self.step, self.point)

    @property
    def order(self) -> int:
        """Point elements times shifts."""
        return self.point.order * self.n_shifts

    def point_of(self, g: Tensor) -> Tensor:
        """The point part, an element of `point`."""
        return torch.div(g, self.n_shifts, rounding_mode="floor")

    def shift_of(self, g: Tensor) -> Tensor:
        """The shift in cells, ``(*batch, dim)``."""
        rest = g % self.n_shifts
        columns = []
        for count, step in zip(reversed(self.counts), reversed(self.step), strict=True):
            columns.append((rest % count) * step)
            rest = torch.div(rest, count, rounding_mode="floor")
        return torch.stack(columns[::-1], -1)

    def element(self, point: Tensor | int = 0, shift: Sequence[int] | Tensor | None = None) -> Tensor:
        """The element with a given point part and shift in cells.

        Raises:
            ArgumentError: If the shift is no multiple of the group's step.
        """
        cells = torch.zeros(len(self.shape), dtype=torch.int64) if shift is None else torch.as_tensor(shift)
        step, shape = torch.tensor(self.step), torch.tensor(self.shape)
        cells = cells.remainder(shape)
        if bool((cells % step != 0).any()):
            raise ArgumentError("shift", expected=f"multiples of {self.step} cells", got=cells.tolist())
        place = torch.zeros((), dtype=torch.int64)
        for axis, count in enumerate(self.counts):
            place = place * count + torch.div(cells[..., axis], self.step[axis], rounding_mode="floor")
        return torch.as_tensor(point) * self.n_shifts + place

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """(t1, R1)(t2, R2) = (t1 + R1 t2, R1 R2)."""
        a, b = torch.broadcast_tensors(a, b)
        move = self.point.motion(self.point_of(a))
        turned = move.sign * self.shift_of(b).gather(-1, move.index)
        return self.element(self.point.compose(self.point_of(a), self.point_of(b)), self.shift_of(a) + turned)

    def inverse(self, a: Tensor) -> Tensor:
        """(t, R)^-1 = (-R^-1 t, R^-1)."""
        back = self.point.inverse(self.point_of(a))
        move = self.point.motion(back)
        return self.element(back, -(move.sign * self.shift_of(a).gather(-1, move.index)))

    def generators(self) -> Tensor:
        """The point group's generators and one step along every axis."""
        gens = [self.element(g) for g in self.point.generators()]
        for axis, count in enumerate(self.counts):
            if count > 1:
                cells = [0] * len(self.shape)
                cells[axis] = self.step[axis]
                gens.append(self.element(0, cells))
        return torch.stack(gens) if gens else torch.zeros(0, dtype=torch.int64)

    def motion(self, g: Tensor) -> Motion:
        """The point part's motion, then the shift."""
        move = self.point.motion(self.point_of(g))
        return Motion(move.index, move.sign, self.shift_of(g))

    def describe(self, g: Tensor | int) -> str:
        """For example ``r90+(0,32)``."""
        g = torch.as_tensor(g)
        shift = self.shift_of(g).tolist()
        name = self.point.describe(self.point_of(g))
        if not any(shift):
            return name
        cells = "(" + ",".join(str(s) for s in shift) + ")"
        return "t" + cells if name == "e" else f"{name}+{cells}"


@on_the_host
def grid_group(
    point: FiniteGroup,
    shape: Sequence[int],
    *,
    step: int | Sequence[int] = 1,
    periodic: bool | Sequence[bool] = True,
) -> GridGroup:
    """A point group together with shifts of a periodic grid.

    Args:
        point: Group of the axes, such as ``dihedral(4)``; ``trivial(dim)`` for shifts alone.
        shape: Cells along every axis.
        step: Smallest shift in cells, for all axes or for each; it must divide the length.
        periodic: Along which axes shifts are allowed.

    Raises:
        ArgumentError: If the dimensions differ, a step does not divide its axis, or the point group exchanges axes of
            different length, step or periodicity.

    Example:
        >>> from haar.groups import dihedral
        >>> grid_group(dihedral(4), (64, 64), step=32).order
        32
    """
    check_enumerated("point", point)
    for n in shape:
        check_count("shape", n)
    dim = len(shape)
    if point.space_dim != dim:
        raise ArgumentError(
            "point", expected=f"a group of a {dim}-dimensional grid", got=f"{point.name} ({point.space_dim})"
        )
    steps = [step] * dim if isinstance(step, int) else list(step)
    open_axes = [periodic] * dim if isinstance(periodic, bool) else list(periodic)
    if len(steps) != dim or len(open_axes) != dim:
        raise ArgumentError(
            "step", expected=f"one number or {dim}, like periodic", got=f"{len(steps)} and {len(open_axes)}"
        )
    steps = [s if moves else n for s, n, moves in zip(steps, shape, open_axes, strict=True)]
    if any(s < 1 or n % s for s, n in zip(steps, shape, strict=True)):
        raise ArgumentError("step", expected=f"divisors of the axes {tuple(shape)}", got=tuple(steps))
    index = point.motion(point.elements()).index
    lengths, strides = torch.tensor(list(shape)), torch.tensor(steps)
    if bool((lengths[index] != lengths).any()) or bool((strides[index] != strides).any()):
        raise ArgumentError(
            "point",
            expected="no exchange of axes of different length, step or periodicity",
            got=f"{point.name} on {'x'.join(map(str, shape))}",
            way_out="use reflections(dim) instead",
        )
    return GridGroup(point, shape, steps)


@on_the_host
def shifts(shape: Sequence[int], *, step: int | Sequence[int] = 1, periodic: bool | Sequence[bool] = True) -> GridGroup:
    """All shifts of a periodic grid by multiples of `step` cells.

    Example:
        >>> shifts((64, 64), step=16).order
        16
    """
    return grid_group(trivial(len(shape)), shape, step=step, periodic=periodic)
