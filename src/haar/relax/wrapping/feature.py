"""How the group moves a tensor inside a network."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Action, Field, Invariant, Points, Vector
from haar.actions.representation import Representation, Trivial
from haar.actions.representation.representation import matrix_of
from haar.relax.wrapping.channels import Channels


class GridPoints(Representation):
    """The points of a grid of one size, permuted as a field's are; row-major.

    Args:
        field: A field on the grid.
        shape: Points along every axis.

    Example:
        >>> from haar.actions import Field, Space
        >>> from haar.groups import dihedral
        >>> GridPoints(Field(Space(dihedral(4))), (3, 3)).dim
        9
    """

    def __init__(self, field: Field, shape: tuple[int, ...]) -> None:
        self.group, self.shape = field.group, shape
        self.name = "x".join(map(str, shape)) + " points"
        self._bare = field.with_rep(Trivial(field.group), channels="first")
        self._numbers = torch.arange(int(torch.tensor(shape).prod())).reshape(1, 1, *shape)
        self.dim = self._numbers.numel()

    @property
    def is_signed_permutation(self) -> bool:
        """Always: points are permuted."""
        return True

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Where the value at every point comes from."""
        batch = g.shape[: g.ndim - len(self.group.element_shape)]
        flat = g.reshape(-1, *self.group.element_shape)
        index = torch.stack([self._bare.move(one)(self._numbers).flatten() for one in flat]).reshape(*batch, self.dim)
        return index, torch.ones_like(index)

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """Permutation matrices."""
        return matrix_of(*self.signed_permutation(g))


@dataclass(frozen=True)
class Feature:
    """A tensor with one channel axis, and perhaps space axes or points that are permuted.

    Attributes:
        channels: What the channel axis carries.
        field: How the space axes move (its own channels do not matter); None for vectors, channels last.
        relabel: Representation on the axis before the channels of a vector, or None.
    """

    channels: Channels
    field: Field | None = None
    relabel: Representation | None = None

    def axis(self, ndim: int) -> int:
        """The channel axis, counted from the front."""
        if self.field is None:
            return ndim - 1
        return ndim - 1 - self.field.dim if self.field.channels == "first" else ndim - 1

    def space(self, ndim: int) -> list[int]:
        """The space axes, counted from the front."""
        if self.field is None:
            return []
        axis = self.axis(ndim)
        return (
            list(range(axis + 1, ndim)) if self.field.channels == "first" else list(range(axis - self.field.dim, axis))
        )

    def of(self, channels: Channels) -> Feature:
        """The same places with other channels."""
        return replace(self, channels=channels)

    def action(self) -> Action:
        """The action on the tensor, once all channels are chosen."""
        rep = self.channels.representation()
        if self.field is not None:
            return self.field.with_rep(rep)
        return Vector(rep) if self.relabel is None else Points(rotation=rep, relabelling=self.relabel)


def feature_of(action: Action, x: Tensor) -> Feature | None:
    """The feature that an action moves; None where nothing moves.

    Raises:
        NotImplementedError: If the action is none of vectors, points and fields on grids.
    """
    if isinstance(action, Invariant):
        return None
    if isinstance(action, Vector) and action.axis == -1:
        return Feature(Channels.known(action.rep))
    if isinstance(action, Points):
        rotation = Trivial(action.group, x.shape[-1]) if action.rotation is None else action.rotation
        return Feature(Channels.known(rotation), relabel=action.relabelling)
    if isinstance(action, Field) and action.channels is not None and action.offset is None:
        return Feature(Channels.known(action.rep), field=action)
    raise NotImplementedError
