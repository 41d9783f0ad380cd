"""Factors, one a channel: how the group shares them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import Representation
from haar.actions.representation.representation import matrix_of
from haar.constants import SAME_ENTRY
from haar.errors import ArgumentError
from haar.groups.connected import connected_roots
from haar.relax.wrapping.orbit_mean import OrbitMean
from haar.relax.wrapping.projection import Projection, TensorProjection


class Unsigned(Representation):
    """The permutations inside a signed-permutation representation: how factors and variances of its channels move.

    Args:
        rep: A signed-permutation representation.

    Example:
        >>> from haar.actions.representation import Space
        >>> from haar.groups import dihedral
        >>> group = dihedral(4)
        >>> Unsigned(Space(group)).matrix(group.elements()).min().item()
        0.0
    """

    def __init__(self, rep: Representation) -> None:
        self.rep, self.group, self.dim, self.name = rep, rep.group, rep.dim, f"|{rep.name}|"

    @property
    def is_signed_permutation(self) -> bool:
        """Always."""
        return True

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """The index alone."""
        index, sign = self.rep.signed_permutation(g)
        return index, torch.ones_like(sign)

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """Permutation matrices."""
        return matrix_of(*self.signed_permutation(g))


class MixedScales(Projection):
    """Factors of channels that the group mixes: one number for all channels that are mixed with one another.

    A diagonal matrix commutes with every R(g) iff its entries agree wherever some R(g) has an entry that is not zero.

    Args:
        rep: Representation on the channels.
        shape: Shape of the factors, which has one axis.
    """

    def __init__(self, rep: Representation, shape: tuple[int, ...]) -> None:
        self.rep, self.shape = rep, shape
        some = torch.cat([rep.group.generators(), rep.group.sample(4, torch.Generator().manual_seed(0))])
        joined = (rep.matrix(some).abs() > SAME_ENTRY).any(0)
        one, other = torch.nonzero(joined, as_tuple=True)
        roots = torch.from_numpy(connected_roots(rep.dim, one.numpy(), other.numpy()))
        label = roots.unique(return_inverse=True)[1]
        self.orbits = self._mean = OrbitMean(label, torch.ones_like(label), shape)

    def __call__(self, value: Tensor) -> Tensor:
        """The mean over channels that are mixed."""
        return self._mean(value)

    def move(self, elements: Tensor, values: Tensor) -> Tensor:
        """Impossible: what moves is the matrix of which these are the diagonal.

        Raises:
            ArgumentError: Always.
        """
        del elements, values
        raise ArgumentError(
            "layer",
            expected="channels that the group permutes, to move gradients of their factors",
            got=f"{self.rep.name} of {self.rep.group.name}, which mixes them",
        )


def scale_projection(rep: Representation, shape: tuple[int, ...]) -> Projection:
    """P for factors or variances, one for each channel of a representation."""
    if rep.is_signed_permutation and rep.group.is_finite:
        return TensorProjection([Unsigned(rep)], shape)
    return MixedScales(rep, shape)
