"""The sign that an element gives to one axis: -1 where it reverses the axis."""

from __future__ import annotations

import torch
from torch import Tensor

from haar.actions.representation import Representation
from haar.errors import ArgumentError, check_count
from haar.groups import Group
from haar.groups.door import check_group


class AxisSign(Representation):
    """One dimension: -1 for elements that reverse an axis of the grid, +1 for the others.

    The internal factor of a quantity that changes sign when one axis is mirrored, such as the tracer of a shear flow
    that starts as a copy of u_x, or the buoyancy between a warm floor and a cold lid.

    Args:
        group: A group that moves a grid and exchanges the axis with no other.
        axis: The axis: 0, 1 or 2.

    Raises:
        ArgumentError: If the group moves no grid, has no such axis, or exchanges it with another.

    Example:
        >>> import torch
        >>> from haar.groups import reflections
        >>> AxisSign(reflections(2), 0).matrix(torch.arange(4)).flatten().tolist()
        [1.0, 1.0, -1.0, -1.0]
    """

    def __init__(self, group: Group, axis: int) -> None:
        check_group("group", group)
        check_count("axis", axis, least=0)
        dim = group.space_dim
        if dim is None:
            raise ArgumentError("group", expected="a group that moves a grid", got=group.name)
        if not 0 <= axis < dim:
            raise ArgumentError("axis", expected=f"0 to {dim - 1}", got=axis)
        if bool((group.motion(group.generators()).index[..., axis] != axis).any()):
            raise ArgumentError(
                "axis",
                expected=f"an axis that {group.name} exchanges with no other",
                got="xyz"[axis],
                way_out="use a subgroup, such as haar.groups.reflections",
            )
        self.group, self.axis, self.dim, self.name = group, axis, 1, f"sign of {'xyz'[axis]}"

    @property
    def is_signed_permutation(self) -> bool:
        """Always."""
        return True

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Index 0 and the sign of the axis."""
        sign = self.group.motion(g).sign[..., self.axis : self.axis + 1]
        return torch.zeros_like(sign), sign

    def matrix(self, g: Tensor) -> Tensor:
        """The sign as a 1 x 1 matrix."""
        return self.signed_permutation(g)[1].to(torch.float64).unsqueeze(-1)
