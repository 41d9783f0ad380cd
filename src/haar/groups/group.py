"""What a group is: composition, inverse, identity, generators and a Haar sampler over batches of elements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from haar.constants import SAME_ENTRY
from haar.errors import ArgumentError
from haar.groups.class_rules import ClassRule
from haar.groups.content import same_content
from haar.host import Hosted


@dataclass(frozen=True)
class Motion:
    """How elements move the points of a grid: (R v)_i = sign_i v_index(i), then a shift by whole cells.

    Attributes:
        index: Integers ``(*batch, dim)``; new axis i is old axis ``index[i]``.
        sign: +-1 integers ``(*batch, dim)``; axis i is reversed where the sign is -1 (after the exchange of axes).
        shift: Cells ``(*batch, dim)`` by which the content is moved along every axis, after the reversal.
    """

    index: Shaped[Tensor, "*batch dim"]
    sign: Shaped[Tensor, "*batch dim"]
    shift: Shaped[Tensor, "*batch dim"]


class Group(Hosted, ABC):
    """A group, compact unless it says so; batches of elements are tensors of shape ``(*batch, *element_shape)``.

    Enumerated finite groups have integer elements (``element_shape == ()``); implicit ones have rows (a permutation,
    a vector of signs); Lie groups have matrices in float64.

    Attributes:
        name: The field's name for it, such as ``"D4"``.
        element_shape: Shape of one element.
        element_dtype: Dtype of elements.
        space_dim: Dimension of the grid whose points it moves, or None when it moves none.
        grid_shape: Cells along every axis of the one grid that it moves, or None when it moves grids of any size.
        defining_dim: Dimension of its defining representation, or None when it has none.
        is_compact: Whether there is a mean over it; else its elements can be applied, inverted and drawn, and no more.
    """

    name: str
    element_shape: tuple[int, ...] = ()
    element_dtype: torch.dtype = torch.int64
    space_dim: int | None = None
    grid_shape: tuple[int, ...] | None = None
    defining_dim: int | None = None
    is_finite: bool = True
    is_compact: bool = True

    @property
    @abstractmethod
    def order(self) -> int | None:
        """Number of elements; None for a Lie group."""

    @abstractmethod
    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """The product ab (b acts first), batchwise with broadcasting."""

    @abstractmethod
    def inverse(self, a: Tensor) -> Tensor:
        """The inverse, batchwise."""

    @abstractmethod
    def identity(self) -> Tensor:
        """The identity, of shape ``element_shape``."""

    @abstractmethod
    def generators(self) -> Tensor:
        """Elements that generate the group (for a Lie group: its components, see `LieGroup.algebra`)."""

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw elements from the Haar measure, if there is one: shape ``(count, *element_shape)``."""

    def class_rule(self, degree: int = 0) -> ClassRule | None:
        """Elements ``(m, *element_shape)`` and weights ``(m,)`` that average class functions exactly; None if unknown.

        Args:
            degree: For Lie groups, the largest degree of the class functions as polynomials of the defining matrices'
                entries.
        """
        del degree
        return None

    def elements(self, limit: int = 0) -> Tensor:
        """All elements, where they can be listed.

        Raises:
            ArgumentError: For an implicit group, whose elements are never listed, and for a Lie group.
        """
        del limit
        raise ArgumentError(
            "group",
            expected="an enumerated group",
            got=f"{self.name}, whose elements are not listed",
            way_out="draw some with group.sample(n)",
        )

    def equal(self, a: Tensor, b: Tensor) -> Bool[Tensor, "*batch"]:
        """Whether elements are equal, batchwise (matrices: to 1e-9)."""
        close = (a - b).abs() <= SAME_ENTRY if self.element_dtype.is_floating_point else a == b
        return close.flatten(-len(self.element_shape)).all(-1) if self.element_shape else close

    def describe(self, g: Tensor | int) -> str:
        """A short name for one element."""
        return str(torch.as_tensor(g).tolist())

    def motion(self, g: Tensor) -> Motion:
        """How elements move a grid.

        Raises:
            ArgumentError: If the group does not act on a grid by signed permutations of its axes and shifts.
        """
        raise ArgumentError(
            "group",
            expected="a group that moves grids by exchanging, reversing and shifting axes (such as D4, Oh, shifts)",
            got=f"{self.name}, element {tuple(g.shape)}",
            way_out="use haar.actions.InterpolatedField for rotations by a general angle (approximate)",
        )

    def defining_signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor] | None:
        """Index and sign ``(*batch, d)`` of the defining representation, or None where it is not of that form."""
        del g
        return None

    def defining_matrix(self, g: Tensor) -> Tensor:
        """Matrices ``(*batch, d, d)`` in float64 of the defining representation.

        Raises:
            ArgumentError: If the group was given without one.
        """
        pair = self.defining_signed_permutation(g)
        if pair is None:
            raise ArgumentError(
                "group",
                expected="a group with a defining representation",
                got=self.name,
                way_out="give the matrices: haar.groups.from_matrices",
            )
        index, sign = pair
        matrix = torch.zeros(*index.shape, index.shape[-1], dtype=torch.float64)
        return matrix.scatter(-1, index.unsqueeze(-1), sign.to(torch.float64).unsqueeze(-1))

    def _content(self) -> tuple[object, ...]:
        """What tells it from groups of its class and name, cheapest first; without it a group equals itself alone.

        Of groups with equal content, elements with equal numbers (or rows, or matrices) are the same.
        """
        return (id(self),)

    def __eq__(self, other: object) -> bool:
        """Whether it is the same group, element by element: of the same class, name and content."""
        if self is other:
            return True
        if not isinstance(other, Group) or type(self) is not type(other) or self.name != other.name:
            return False
        return same_content(self._content(), other._content())

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def __repr__(self) -> str:
        order = f", order {self.order}" if self.order is not None else ""
        return f"<{type(self).__name__} {self.name}{order}>"
