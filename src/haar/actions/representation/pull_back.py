"""Representations seen through a homomorphism: restricted to a subgroup, extended to a product."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from haar.actions.representation.representation import Made, Representation, check_representation
from haar.errors import ArgumentError, check_count
from haar.groups import FiniteProduct, Group, LieGroup, MixedProduct, Subgroup
from haar.groups.door import check_group


class _Through(Representation):
    """A representation seen through a homomorphism of groups."""

    rep: Representation

    def _source(self, g: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def is_signed_permutation(self) -> bool:
        """As the representation behind it."""
        return self.rep.is_signed_permutation

    @property
    def degree(self) -> int | None:
        """As the representation behind it."""
        return self.rep.degree

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """As the representation behind it."""
        return self.rep.signed_permutation(self._source(g))

    def matrix(self, g: Tensor) -> Tensor:
        """As the representation behind it."""
        return self.rep.matrix(self._source(g))

    def character(self, g: Tensor) -> Tensor:
        """As the representation behind it."""
        return self.rep.character(self._source(g))


class Restricted(_Through):
    """A representation restricted to a subgroup."""

    def __init__(self, rep: Representation, subgroup: Subgroup) -> None:
        self.rep, self.group, self.dim, self.name = rep, subgroup, rep.dim, rep.name
        self._include = subgroup.include

    def _source(self, g: Tensor) -> Tensor:
        return self._include(g)


class FromFactor(_Through):
    """A representation of one factor, as a representation of the product."""

    group: FiniteProduct | MixedProduct

    def __init__(self, rep: Representation, product: FiniteProduct | MixedProduct, factor: int) -> None:
        check_representation("rep", rep)
        if not isinstance(product, (FiniteProduct, MixedProduct)):
            raise ArgumentError("product", expected="a product of groups", got=getattr(product, "name", repr(product)))
        check_count("factor", factor, least=0)
        if not 0 <= factor < len(product.factors) or product.factors[factor] != rep.group:
            raise ArgumentError("factor", expected=f"the place of {rep.group.name} in {product.name}", got=factor)
        self.rep, self.group, self.dim, self.name = rep, product, rep.dim, f"{rep.name}({rep.group.name})"
        self._split, self._factor = product.split, factor

    def _source(self, g: Tensor) -> Tensor:
        return self._split(g)[self._factor]

    def algebra(self) -> Tensor:
        """The images of the bases of all Lie factors, in their order: those of the other factors are zero."""
        blocks = []
        for place, factor in enumerate(self.group.factors):
            count = _algebra_dim(factor)
            if count:
                still = torch.zeros(count, self.dim, self.dim, dtype=torch.float64)
                blocks.append(self.rep.algebra() if place == self._factor else still)
        return torch.cat(blocks) if blocks else super().algebra()


def _algebra_dim(group: Group) -> int:
    """How many one-parameter subgroups are given with a group."""
    if isinstance(group, MixedProduct):
        return sum(_algebra_dim(factor) for factor in group.factors)
    return len(group.algebra) if isinstance(group, LieGroup) else 0


class PullBack(_Through):
    """A representation of one group, as a representation of another that maps into it.

    A finite group of matrices acts on everything that the Lie group of these matrices acts on.

    Args:
        rep: A representation of the group that the homomorphism leads to.
        group: The group that is mapped into that of `rep`.
        homomorphism: Sends elements of `group` to elements of ``rep.group``, batchwise. Give a method rather than a
            lambda if the representation is to be pickled.
        degree: Degree of the entries in the defining matrices of `group`, where it is a Lie group and the degree is
            known.

    Raises:
        ArgumentError: If the map is no homomorphism.

    Example:
        >>> from haar.actions.representation import Defining, tensor_power
        >>> from haar.groups import SO, octahedral
        >>> cube = octahedral()
        >>> PullBack(tensor_power(Defining(SO(3)), 2), cube, cube.defining_matrix)
        <(defining x defining) of O, dimension 9>
    """

    def __init__(
        self, rep: Representation, group: Group, homomorphism: Callable[[Tensor], Tensor], *, degree: int | None = None
    ) -> None:
        check_representation("rep", rep)
        check_group("group", group)
        if not callable(homomorphism):
            raise ArgumentError("homomorphism", expected="a function of elements", got=repr(homomorphism))
        self.rep, self.group, self.dim, self.name = rep, group, rep.dim, rep.name
        self._source_of, self._degree = homomorphism, degree
        self.check()

    @property
    def degree(self) -> int | None:
        """As it was given."""
        return 0 if self.group.is_finite else self._degree

    def _source(self, g: Tensor) -> Tensor:
        return self._source_of(g)


Made.restricted, Made.from_factor = Restricted, FromFactor
