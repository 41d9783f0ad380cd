"""How a group moves the points of a grid: which axes, where they are reversed about, and which shapes fit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.groups import Group, Motion
from haar.groups.door import check_group

_AXES = "xyz"


class Grid:
    """The points of a regular grid under a group: arrays are indexed ``[x, y, z]``.

    Args:
        group: A group that moves a grid, or one of internal symmetries that leaves all points where they are.
        centring: ``"cell"``: values in the middle of cells, or a closed grid of nodes (both ends stored): reversal is a
            flip. ``"node"``: a periodic grid of nodes (the end is not stored): reversal about node 0, i -> -i mod N.
            One for all axes, or one for each.
        periodic: Along which axes the grid is periodic.
        space_dim: Number of axes, when the group moves none.

    Attributes:
        dim: Number of axes.
        centrings: One for each axis.
        centring: One for all where they agree, else the same as `centrings`.

    Raises:
        ArgumentError: If the number of axes is unknown, an option is, the group shifts along an axis that is not
            periodic or exchanges a periodic axis with another, or cells with nodes.
    """

    def __init__(
        self,
        group: Group,
        *,
        centring: str | Sequence[str] = "cell",
        periodic: bool | Sequence[bool] = True,
        space_dim: int | None = None,
    ) -> None:
        check_group("group", group)
        self.group = group
        self.dim = _space_dim(group, space_dim)
        self.centrings = _centrings(centring, self.dim)
        agree = len(set(self.centrings)) == 1
        self.centring: str | tuple[str, ...] = self.centrings[0] if agree else self.centrings
        self.periodic = _periodicities(periodic, self.dim)
        self._about_nodes = torch.tensor(
            [one == "node" and joined for one, joined in zip(self.centrings, self.periodic, strict=True)], device="cpu"
        )
        moving = group.space_dim is not None and len(group.generators()) > 0
        self._generators = self._motion(group.generators()) if moving else None
        self._exchanged = [] if self._generators is None else _exchanged(self._generators)
        self._check_periodic()

    def motion(self, g: Tensor) -> Motion:
        """How elements move the array: exchange axes, flip those with sign -1, then roll by the shift.

        On a periodic grid of nodes the reversal i -> -i mod N about node 0 is a flip and a roll by one.
        """
        motion = self._motion(g)
        if not any(one == "node" for one in self.centrings):
            return motion
        return Motion(motion.index, motion.sign, motion.shift + (motion.sign < 0) * self._about_nodes)

    def check_shape(self, space: Sequence[int], argument: str) -> None:
        """Raise unless the group maps a grid of this shape to itself.

        Raises:
            ShapeError: If the group belongs to another grid, or exchanges axes of different length.
        """
        given = "x".join(map(str, space))
        if self.group.grid_shape is not None and list(self.group.grid_shape) != list(space):
            raise ShapeError(
                argument,
                expected=f"a grid {'x'.join(map(str, self.group.grid_shape))} ({self.group.name})",
                got=given,
                way_out="make the group for the grid you have",
            )
        if any(space[axis] != space[source] for axis, source in self._exchanged):
            raise ShapeError(
                argument,
                expected=f"axes of equal length for {self.group.name}, which exchanges them",
                got=given,
                way_out=f"use haar.groups.reflections({self.dim})",
            )

    def shifted_axes(self) -> list[bool]:
        """Which axes some element moves through the boundary: by a shift, or by a reversal about a node."""
        if self._generators is None:
            return [False] * self.dim
        moved = (self._generators.shift != 0) | ((self._generators.sign < 0) & self._about_nodes)
        through = moved.any(0).tolist()
        for _ in range(self.dim):  # an exchange carries a shift to the other axis
            for axis, source in self._exchanged:
                through[axis] = through[source] = through[axis] or through[source]
        return through

    def _motion(self, g: Tensor) -> Motion:
        if self.group.space_dim is not None:
            return self.group.motion(g)
        batch = g.shape[: g.ndim - len(self.group.element_shape)]
        still = torch.arange(self.dim).expand(*batch, self.dim)
        return Motion(still, torch.ones_like(still), torch.zeros_like(still))

    def _check_periodic(self) -> None:
        shifted = [] if self._generators is None else (self._generators.shift != 0).any(0).tolist()
        for axis, moves in enumerate(shifted):
            if moves and not self.periodic[axis]:
                raise ArgumentError(
                    "periodic",
                    expected=f"True for axis {_AXES[axis]}, along which {self.group.name} shifts",
                    got=self.periodic,
                    way_out="make the group with the same periodic",
                )
        for axis, source in self._exchanged:
            if self.periodic[axis] != self.periodic[source]:
                raise ArgumentError(
                    "periodic",
                    expected=f"the same for axes {_AXES[axis]} and {_AXES[source]}, which {self.group.name} exchanges",
                    got=self.periodic,
                    way_out=f"use haar.groups.reflections({self.dim})",
                )
            if self.periodic[axis] and self.centrings[axis] != self.centrings[source]:
                raise ArgumentError(
                    "centring",
                    expected=f"the same for axes {_AXES[axis]} and {_AXES[source]}, which {self.group.name} exchanges",
                    got=self.centrings,
                    way_out=f"use haar.groups.reflections({self.dim})",
                )


def _centrings(given: str | Sequence[str], dim: int) -> tuple[str, ...]:
    """One for each axis."""
    of_each = isinstance(given, list | tuple)
    centrings = tuple(given) if of_each else (str(given),) * dim
    if len(centrings) != dim or any(one not in ("cell", "node") for one in centrings):
        raise ArgumentError(
            "centring",
            expected="'cell' or 'node'" + (f" for each of {dim} axes" if of_each else ""),
            got=repr(given),
            way_out="collocate staggered components first",
        )
    return centrings


def _periodicities(given: bool | Sequence[bool], dim: int) -> tuple[bool, ...]:  # noqa: FBT001 (as the user gave it)
    """One for each axis."""
    if not isinstance(given, (bool, Sequence)) or isinstance(given, str):
        raise ArgumentError("periodic", expected="True, False, or one of these for each axis", got=repr(given))
    periodic = (given,) * dim if isinstance(given, bool) else tuple(given)
    if not all(isinstance(axis, bool) for axis in periodic):
        raise ArgumentError("periodic", expected="True or False for each axis", got=periodic)
    if len(periodic) != dim:
        raise ArgumentError("periodic", expected=f"one value for each of {dim} axes", got=periodic)
    return periodic


def _exchanged(motion: Motion) -> list[tuple[int, int]]:
    """Pairs of axes that some motion exchanges."""
    return sorted({(axis, i) for row in motion.index.tolist() for axis, i in enumerate(row) if axis != i})


def _space_dim(group: Group, given: int | None) -> int:
    if group.space_dim is None:
        if given is None:
            raise ArgumentError(
                "rep",
                expected="a group that moves a grid",
                got=group.name,
                way_out="give space_dim for an internal symmetry, or use InterpolatedField for rotations by any angle",
            )
        if given not in (1, 2, 3):
            raise ArgumentError("space_dim", expected="1, 2 or 3 space axes", got=given)
        return given
    if given not in (None, group.space_dim):
        raise ArgumentError("space_dim", expected=f"{group.space_dim}, as {group.name} moves such grids", got=given)
    return group.space_dim
