"""Which axes of a grid a group moves, and which it reverses."""

from __future__ import annotations

import torch

from haar.errors import ArgumentError
from haar.groups import FiniteGroup, Group


def space_dim(group: Group, argument: str = "rep_in") -> int:
    """Number of axes of the grids that a point group moves.

    Raises:
        ArgumentError: If it moves none.
    """
    if group.space_dim not in (1, 2, 3):
        raise ArgumentError(
            argument,
            expected="a representation of a group that moves grids of 1, 2 or 3 axes",
            got=group.name,
            way_out="use dihedral(4), reflections(2), octahedral() or from_matrices(..., moves_grid=True)",
        )
    return group.space_dim


def reversed_axes(group: Group) -> tuple[int, ...]:
    """Axes that some element reverses.

    Example:
        >>> from haar.groups import cyclic, trivial
        >>> reversed_axes(cyclic(4)), reversed_axes(trivial(2))
        ((0, 1), ())
    """
    dim = space_dim(group)
    if not isinstance(group, FiniteGroup) or group.order > 4096:
        return tuple(range(dim))
    sign = group.motion(group.elements()).sign
    return tuple(torch.nonzero((sign < 0).any(0)).flatten().tolist())
