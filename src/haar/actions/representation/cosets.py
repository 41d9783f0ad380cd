"""Representations made from a subgroup: permutations of cosets, and induction."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.actions.representation.representation import Representation, check_representation, matrix_of
from haar.errors import ArgumentError
from haar.groups import Subgroup


class Quotient(Representation):
    """The group permuting the left cosets xH of a subgroup: e_(xH) goes to e_(gxH).

    Args:
        subgroup: A subgroup of an enumerated group; coset 0 is the subgroup itself.

    Example:
        >>> from haar.groups import dihedral
        >>> Quotient(dihedral(4).subgroup([4])).dim
        4
    """

    def __init__(self, subgroup: Subgroup) -> None:
        if not isinstance(subgroup, Subgroup):
            raise ArgumentError(
                "subgroup",
                expected="a Subgroup",
                got=getattr(subgroup, "name", repr(subgroup)),
                way_out="use group.subgroup(generators)",
            )
        self.subgroup, self.group = subgroup, subgroup.parent
        self.representatives, self.coset_of = self.group.coset_labels(subgroup, "left")
        self.dim = len(self.representatives)
        self.name = f"cosets of {subgroup.name}"

    @property
    def is_signed_permutation(self) -> bool:
        """Always."""
        return True

    def signed_permutation(self, g: Tensor) -> tuple[Int[Tensor, "*batch n"], Int[Tensor, "*batch n"]]:
        """(R v)_(xH) = v_(g^-1 x H)."""
        index = self.coset_of[self.group.compose(self.group.inverse(g).unsqueeze(-1), self.representatives)]
        return index, torch.ones_like(index)

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """Permutation matrices."""
        return matrix_of(*self.signed_permutation(g))


class Induced(Representation):
    """Induction from a subgroup H: functions on cosets with values in a representation of H.

    With g x = x' h for representatives x, x' of cosets, e_x tensor v goes to e_x' tensor R(h) v. The value runs
    fastest.

    Args:
        rep: A representation of a `Subgroup`.

    Raises:
        ArgumentError: If the group of `rep` is not a subgroup of another.

    Example:
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import dihedral
        >>> turns = dihedral(4).subgroup([1])
        >>> Induced(Defining(turns)).dim
        4
    """

    def __init__(self, rep: Representation) -> None:
        check_representation("rep", rep)
        if not isinstance(rep.group, Subgroup):
            raise ArgumentError(
                "rep",
                expected="a representation of a Subgroup",
                got=rep.group.name,
                way_out="use group.subgroup(generators)",
            )
        self.rep, self.subgroup = rep, rep.group
        self.group = self.subgroup.parent
        self.representatives, self.coset_of = self.group.coset_labels(self.subgroup, "left")
        self.dim = len(self.representatives) * rep.dim
        self.name = f"induced {rep.name}"

    @property
    def is_signed_permutation(self) -> bool:
        """As the representation of the subgroup."""
        return self.rep.is_signed_permutation

    def _steps(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """For every coset x: the coset x' with g x' in x H, and the h with g x' = x h."""
        back = self.group.compose(self.group.inverse(g).unsqueeze(-1), self.representatives)
        source = self.coset_of[back]
        # g x' = x h means h = (g^-1 x)^-1 x'
        h = self.group.compose(self.group.inverse(back), self.representatives[source])
        return source, self.subgroup.locate(h)

    def signed_permutation(self, g: Tensor) -> tuple[Int[Tensor, "*batch n"], Int[Tensor, "*batch n"]]:
        """The coset's step, then the subgroup's."""
        if not self.is_signed_permutation:
            return super().signed_permutation(g)
        source, h = self._steps(g)
        index, sign = self.rep.signed_permutation(h)
        return (source.unsqueeze(-1) * self.rep.dim + index).flatten(-2), sign.flatten(-2)

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """Blocks R(h) at (x, x')."""
        if self.is_signed_permutation:
            return matrix_of(*self.signed_permutation(g))
        source, h = self._steps(g)
        place = torch.nn.functional.one_hot(source, len(self.representatives)).to(torch.float64)
        blocks = torch.einsum("...xy,...xij->...xiyj", place, self.rep.matrix(h))
        return blocks.reshape(*g.shape, self.dim, self.dim)
