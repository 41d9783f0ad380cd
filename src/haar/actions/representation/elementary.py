"""Representations that come with a group: trivial, defining, vectors of space, determinant, regular."""

from __future__ import annotations

import operator

import torch
from torch import Tensor

from haar.actions.representation.representation import Representation, check_representation, matrix_of
from haar.errors import ArgumentError, check_count
from haar.groups import FiniteGroup, Group, LieGroup, Subgroup
from haar.groups.door import check_group


class Trivial(Representation):
    """Nothing moves."""

    def __init__(self, group: Group, dim: int = 1) -> None:
        check_group("group", group)
        check_count("dim", dim, least=0)
        dim = operator.index(dim)
        self.group, self.dim, self.name = group, dim, "trivial" if dim == 1 else f"{dim} trivial"

    def _restricted(self, subgroup: Subgroup) -> Representation:
        return Trivial(subgroup, self.dim)

    @property
    def is_signed_permutation(self) -> bool:
        """Always."""
        return True

    @property
    def degree(self) -> int:
        """Zero."""
        return 0

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """The identity."""
        batch = g.shape[: g.ndim - len(self.group.element_shape)]
        index = torch.arange(self.dim).expand(*batch, self.dim)
        return index, torch.ones_like(index)

    def matrix(self, g: Tensor) -> Tensor:
        """Identity matrices."""
        batch = g.shape[: g.ndim - len(self.group.element_shape)]
        return torch.eye(self.dim, dtype=torch.float64).expand(*batch, self.dim, self.dim)

    def algebra(self) -> Tensor:
        """Zero."""
        if not isinstance(self.group, LieGroup):
            return super().algebra()
        return torch.zeros(len(self.group.algebra), self.dim, self.dim, dtype=torch.float64)


class Defining(Representation):
    """The group's own matrices: rotations of space, permutations of points, signs of coordinates."""

    def __init__(self, group: Group) -> None:
        check_group("group", group)
        if group.defining_dim is None:
            raise ArgumentError(
                "group",
                expected="a group with defining matrices",
                got=group.name,
                way_out=(
                    "a product has none of its own: take Defining(group.factors[0]).pull_back(group, 0), and sums or "
                    "tensor products of such"
                    if hasattr(group, "factors")
                    else "take Regular(group), or Given(group, matrices)"
                ),
            )
        self.group, self.dim, self.name = group, group.defining_dim, "defining"
        self._signed = group.defining_signed_permutation(group.identity()) is not None

    @property
    def is_signed_permutation(self) -> bool:
        """Whether the group's matrices are."""
        return self._signed

    @property
    def degree(self) -> int:
        """One, for a Lie group."""
        return 0 if self.group.is_finite else 1

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """As the group gives it."""
        pair = self.group.defining_signed_permutation(g)
        return super().signed_permutation(g) if pair is None else pair

    def matrix(self, g: Tensor) -> Tensor:
        """As the group gives it."""
        return self.group.defining_matrix(g)

    def algebra(self) -> Tensor:
        """The group's own algebra."""
        return self.group.algebra if isinstance(self.group, LieGroup) else super().algebra()


class Space(Representation):
    """How a group that moves a grid turns vectors: the signed permutation of the axes, shifts forgotten."""

    def __init__(self, group: Group) -> None:
        check_group("group", group)
        if group.space_dim is None:
            group.motion(group.identity())  # raises, with the way out
        self.group, self.dim, self.name = group, group.space_dim or 0, "vector"

    @property
    def is_signed_permutation(self) -> bool:
        """Always."""
        return True

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """The point part of the motion."""
        move = self.group.motion(g)
        return move.index, move.sign

    def matrix(self, g: Tensor) -> Tensor:
        """Signed permutation matrices."""
        return matrix_of(*self.signed_permutation(g))


class Determinant(Representation):
    """The sign det R(g) of another representation: +1 for rotations, -1 for reflections."""

    def __init__(self, rep: Representation) -> None:
        check_representation("rep", rep)
        self.rep, self.group, self.dim, self.name = rep, rep.group, 1, f"det {rep.name}"

    @property
    def is_signed_permutation(self) -> bool:
        """Always."""
        return True

    @property
    def degree(self) -> int:
        """Zero: a sign is constant on a component."""
        return 0

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Index 0 and the sign of the determinant."""
        sign = torch.linalg.det(self.rep.matrix(g)).round().to(torch.int64).unsqueeze(-1)
        return torch.zeros_like(sign), sign

    def matrix(self, g: Tensor) -> Tensor:
        """The sign as a 1 x 1 matrix."""
        return self.signed_permutation(g)[1].to(torch.float64).unsqueeze(-1)

    def algebra(self) -> Tensor:
        """Zero: a sign is constant on a component."""
        return self.rep.algebra()[:, :1, :1] * 0


class Regular(Representation):
    """The group permuting itself: (R(g) v)_h = v_(g^-1 h)."""

    def __init__(self, group: Group) -> None:
        check_group("group", group)
        if not isinstance(group, FiniteGroup):
            raise ArgumentError(
                "group",
                expected="an enumerated group for the regular representation",
                got=f"{group.name}, whose elements are not listed",
                way_out="use Defining and its tensor powers",
            )
        self.group, self.dim, self.name = group, group.order, "regular"

    @property
    def is_signed_permutation(self) -> bool:
        """Always."""
        return True

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Row g^-1 of the table of products."""
        index = self.group.compose(self.group.inverse(g).unsqueeze(-1), torch.arange(self.dim))
        return index, torch.ones_like(index)

    def matrix(self, g: Tensor) -> Tensor:
        """Permutation matrices."""
        return matrix_of(*self.signed_permutation(g))
