"""How the group moves a tensor inside a network: axis by axis, and the axes of space together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Action, Field, Invariant, Points, Vector
from haar.actions.representation import Representation, Trivial
from haar.actions.representation.representation import matrix_of
from haar.nn.representations import same_representation, stands_still

if TYPE_CHECKING:
    from haar.relax.wrapping.elements import Elements

#: Which representations layers and parameters shall make: by the layer's name and the axis (-1: what a layer returns).
Notes = Mapping[tuple[str, int], Representation]
#: From a representation wished for to what must be noted for it, or None where nobody can choose it.
Ask = Callable[[Representation], Notes | None]


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
        self.group, self.shape, self.field = field.group, shape, scalar_field(field)
        self.name = "x".join(map(str, shape)) + " points"
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
        index = torch.stack([self.field.move(one)(self._numbers).flatten() for one in flat]).reshape(*batch, self.dim)
        return index, torch.ones_like(index)

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """Permutation matrices."""
        return matrix_of(*self.signed_permutation(g))


def scalar_field(field: Field, *, centring: str | None = None) -> Field:
    """One unmoved channel, first, on the grid of a field (or on one of another centring)."""
    return Field(
        Trivial(field.group), centring=centring or field.centring, periodic=field.periodic, space_dim=field.dim
    )


@dataclass(frozen=True, eq=False)
class Leg:
    """What one axis of a tensor carries.

    Attributes:
        rep: Representation on the axis.
        ask: What to note where another one is wanted; None if nobody can choose.
        own: Whether it is an axis of a parameter that the network reads by itself.
    """

    rep: Representation
    ask: Ask | None = None
    own: bool = False


@dataclass(frozen=True, eq=False)
class Feature:
    """A tensor that the group moves.

    Attributes:
        legs: What every axis carries; None where nothing moves.
        space: The axes of a grid, in its order; empty if it has none.
        field: How these move together (one channel, first).
    """

    legs: tuple[Leg | None, ...]
    space: tuple[int, ...] = ()
    field: Field | None = None

    def act(self, elements: Elements, number: int, x: Tensor) -> Tensor:
        """The tensor, moved by one of the elements."""
        for axis, leg in enumerate(self.legs):
            if leg is not None and not elements.still(leg.rep):
                x = elements.turned(leg.rep, number, x, axis)
        return elements.moved(self.field, number, x, self.space) if self.field is not None else x

    def still(self, elements: Elements) -> bool:
        """Whether no element moves anything."""
        return self.field is None and all(leg is None or elements.still(leg.rep) for leg in self.legs)

    def of(self, axis: int, leg: Leg | None) -> Feature:
        """The same with another leg."""
        legs = list(self.legs)
        legs[axis] = leg
        return replace(self, legs=tuple(legs))

    def swapped(self, legs: Mapping[Leg, Representation]) -> Feature:
        """The same with other representations in place of some."""
        new = (replace(leg, rep=legs[leg]) if leg is not None and leg in legs else leg for leg in self.legs)
        return replace(self, legs=tuple(new))


def agree(one: Leg | None, other: Leg | None) -> bool:
    """Whether two legs carry the same; nothing is as good as what stands still."""
    if one is None or other is None:
        return all(leg is None or stands_still(leg.rep) for leg in (one, other))
    return one is other or same_representation(one.rep, other.rep)


def merged(legs: Sequence[Leg]) -> Leg:
    """One leg for several that carry the same: who wants another must ask all."""
    distinct = list({id(leg): leg for leg in legs}.values())
    if len(distinct) == 1:
        return distinct[0]

    def ask(rep: Representation) -> Notes | None:
        notes: dict[tuple[str, int], Representation] = {}
        for leg in distinct:
            if same_representation(leg.rep, rep):
                continue
            found = leg.ask(rep) if leg.ask is not None else None
            if found is None or any(not same_representation(notes.get(key, r), r) for key, r in found.items()):
                return None
            notes.update(found)
        return notes

    return Leg(distinct[0].rep, ask)


def feature_of(action: Action, x: Tensor) -> Feature | None:
    """The feature that an action moves; None where nothing moves.

    Raises:
        NotImplementedError: If the action is none of vectors, points and fields on grids.
    """
    none: tuple[Leg | None, ...] = (None,) * x.ndim
    if isinstance(action, Invariant):
        return None
    if isinstance(action, Vector) and action.axis == -1:
        return Feature((*none[:-1], Leg(action.rep)))
    if isinstance(action, Points):
        rotation = Trivial(action.group, x.shape[-1]) if action.rotation is None else action.rotation
        relabelling = None if action.relabelling is None else Leg(action.relabelling)
        return Feature((*none[:-2], relabelling, Leg(rotation)))
    if isinstance(action, Field) and action.channels is not None and action.offset is None:
        end = x.ndim if action.channels == "first" else x.ndim - 1
        space = tuple(range(end - action.dim, end))
        axis = space[0] - 1 if action.channels == "first" else end
        if action.group.space_dim is None:  # it moves no points
            return Feature(none).of(axis, Leg(action.rep))
        return Feature(none, space, scalar_field(action)).of(axis, Leg(action.rep))
    raise NotImplementedError
