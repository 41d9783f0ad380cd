"""The points of a convolution's kernel, permuted by a group that moves grids."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import Representation
from haar.errors import ArgumentError
from haar.groups import Group


class KernelPoints(Representation):
    """Permutation of the points of a window of k points along every axis, about its middle; row-major.

    Args:
        group: A group that moves grids without shifting them.
        size: Points along every axis.

    Raises:
        ArgumentError: If the group shifts the grid, or exchanges axes of different size.

    Example:
        >>> from haar.groups import dihedral
        >>> KernelPoints(dihedral(4), (3, 3)).dim
        9
    """

    def __init__(self, group: Group, size: tuple[int, ...]) -> None:
        self.group, self.size = group, size
        move = group.motion(group.generators()) if len(group.generators()) else group.motion(group.identity()[None])
        if bool((move.shift != 0).any()):
            raise ArgumentError(
                "group",
                expected="a point group: a convolution commutes with shifts anyway",
                got=group.name,
                way_out="use its point group",
            )
        lengths = torch.tensor(size)
        if len(size) != group.space_dim or bool((lengths[move.index] != lengths).any()):
            raise ArgumentError("kernel_size", expected=f"sizes that {group.name} may exchange", got=size)
        self.dim = int(lengths.prod())
        self.name = "x".join(map(str, size)) + " points"
        axes = [
            torch.arange(n) * 2 - (n - 1) for n in size
        ]  # twice the distance from the middle: integers for even sizes too
        self._points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(size))
        self._is_homomorphism = True  # motions act on points as they are composed

    @property
    def is_signed_permutation(self) -> bool:
        """Always: points are permuted."""
        return True

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """(R v) at point q is v at R^-1 q."""
        back = self.group.motion(self.group.inverse(g))
        batch = back.index.shape[:-1]
        points = self._points.expand(*batch, *self._points.shape)
        index, sign = back.index.unsqueeze(-2), back.sign.unsqueeze(-2)
        source = sign * points.gather(-1, index.expand(points.shape))
        place = torch.zeros(source.shape[:-1], dtype=torch.int64)
        for axis, n in enumerate(self.size):
            place = place * n + torch.div(source[..., axis] + (n - 1), 2, rounding_mode="floor")
        return place, torch.ones_like(place)

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """Permutation matrices."""
        index, _ = self.signed_permutation(g)
        return torch.nn.functional.one_hot(index, self.dim).to(torch.float64)
