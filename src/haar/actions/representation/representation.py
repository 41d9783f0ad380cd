"""What a representation is: orthogonal matrices on the last axis, stored as lazily as its kind allows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.constants import HostComputed
from haar.errors import ArgumentError, ShapeError
from haar.groups import FiniteGroup, FiniteProduct, Group, LieGroup, MixedProduct, Subgroup
from haar.groups.broadcast import broadcast_shapes

if TYPE_CHECKING:
    from collections.abc import Sequence


class Representation(HostComputed, ABC):
    """A homomorphism from a group into the orthogonal matrices of one dimension, acting on the last axis of a tensor.

    A signed-permutation representation answers `signed_permutation`; every one answers `matrix`. Sums, tensor products
    and pull-backs are lazy: they hold their parts and never build a matrix unless asked.

    Attributes:
        group: The group represented.
        dim: Dimension.
        name: A short name.
    """

    group: Group
    dim: int
    name: str

    @property
    def is_signed_permutation(self) -> bool:
        """Whether every element acts by an index and a sign."""
        return False

    @property
    def degree(self) -> int | None:
        """Degree of the entries as polynomials of a Lie group's defining matrices; 0 if finite, None if unknown."""
        return 0 if self.group.is_finite else None

    @abstractmethod
    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """Matrices of a batch of elements, float64."""

    def signed_permutation(self, g: Tensor) -> tuple[Int[Tensor, "*batch n"], Int[Tensor, "*batch n"]]:
        """Index and sign with (R v)_i = sign_i v_index(i).

        Raises:
            ArgumentError: If the representation is not of that form.
        """
        del g
        raise ArgumentError(
            "rep", expected="a signed-permutation representation", got=f"{self.name} of {self.group.name}"
        )

    def act(self, g: Tensor, x: Float[Tensor, "*batch n"]) -> Float[Tensor, "*out n"]:
        """Apply elements to vectors on the last axis; the batch of elements broadcasts against the leading axes of x.

        Args:
            g: Elements ``(*batch_g, *element_shape)``.
            x: Vectors ``(*batch_x, dim)``, any floating dtype.

        Raises:
            ShapeError: If the last axis is not `dim`.
        """
        if x.shape[-1] != self.dim:
            raise ShapeError(
                "x", expected=f"last axis {self.dim} ({self.name} of {self.group.name})", got=tuple(x.shape)
            )
        if self.is_signed_permutation:
            index, sign = self.signed_permutation(g)
            batch = broadcast_shapes(index.shape[:-1], x.shape[:-1])
            moved = x.expand(*batch, self.dim).gather(-1, index.expand(*batch, self.dim).to(x.device))
            return moved * sign.to(device=x.device, dtype=x.dtype)
        matrix = self.matrix(g).to(device=x.device, dtype=x.dtype)
        return (matrix @ x.unsqueeze(-1)).squeeze(-1)

    def character(self, g: Tensor) -> Float[Tensor, "*batch"]:
        """Traces of a batch of elements, float64."""
        if self.is_signed_permutation:
            index, sign = self.signed_permutation(g)
            fixed = index == torch.arange(self.dim)
            return (fixed * sign).sum(-1).to(torch.float64)
        return self.matrix(g).diagonal(dim1=-2, dim2=-1).sum(-1)

    def algebra(self) -> Float[Tensor, "k n n"]:
        """Images of the Lie algebra's basis X: derivatives of R(exp(t X)) at t = 0.

        # f(t) = sum over |m| <= degree of a_m exp(2 pi i m t / T): its derivative at 0 from values at t = T k / count
        over equispaced t, without error but rounding.

        Raises:
            ArgumentError: If the group is no Lie group or the degree is unknown.
        """
        group, degree = self.group, self.degree
        if not isinstance(group, LieGroup) or degree is None:
            raise ArgumentError(
                "rep", expected="a representation of a Lie group, of known degree", got=f"{self.name} of {group.name}"
            )
        count = 2 * degree + 1
        m = torch.arange(1, degree + 1, dtype=torch.float64)
        k = torch.arange(count, dtype=torch.float64)
        # f(t) = sum of a_m exp(2 pi i m t / T) over |m| <= degree, differentiated at 0, from values at t = T k / count
        waves = (2 * math.pi * m / group.period)[:, None] * (2 * math.pi * m[:, None] * k / count).sin()
        weights = 2 * waves.sum(0) / count
        turns = group.exp(group.period * k[:, None, None] / count * torch.eye(len(group.algebra), dtype=torch.float64))
        return torch.einsum("k,kaij->aij", weights, self.matrix(turns))

    def __add__(self, other: Representation) -> Representation:
        """The direct sum."""
        from haar.actions.representation.composite import direct_sum

        return direct_sum([self, other])

    def __mul__(self, copies: int) -> Representation:
        """The direct sum of several copies."""
        from haar.actions.representation.composite import direct_sum

        if copies < 1:
            raise ArgumentError("copies", expected="at least one copy", got=copies)
        return direct_sum([self] * copies)

    __rmul__ = __mul__

    def __matmul__(self, other: Representation) -> Representation:
        """The tensor product; the second factor runs fastest."""
        from haar.actions.representation.composite import TensorProduct

        return TensorProduct(self, other)

    def restrict(self, subgroup: Subgroup) -> Representation:
        """The same matrices for the elements of a subgroup; the same object for every call with one subgroup object.

        A direct sum is restricted part by part, so that equal parts stay one object.

        Raises:
            ArgumentError: If it is no subgroup of the representation's group object.
        """
        if subgroup.parent is not self.group:
            raise ArgumentError(
                "subgroup",
                expected=f"a subgroup of {self.group.name}, of which {self.name} is a representation",
                got=f"one of {subgroup.parent.name}",
                way_out="make it with group.subgroup(...) of the same group object",
            )
        memory: dict[Representation, Representation] = subgroup.__dict__.setdefault("_restricted", {})
        if self not in memory:
            memory[self] = self._restricted(subgroup)
        return memory[self]

    def _restricted(self, subgroup: Subgroup) -> Representation:
        from haar.actions.representation.pull_back import Restricted

        return Restricted(self, subgroup)

    def pull_back(self, product: FiniteProduct | MixedProduct, factor: int) -> Representation:
        """The representation of a product in which only one factor acts, through this one."""
        from haar.actions.representation.pull_back import FromFactor

        return FromFactor(self, product, factor)

    def dual(self) -> Representation:
        """The dual, R(g^-1)^T: for orthogonal matrices the representation itself."""
        return self

    def check(self, *, samples: int = 64, seed: int = 0) -> None:
        """Verify that this is an orthogonal homomorphism: a proof where elements can be listed, else a random test.

        Raises:
            ArgumentError: Naming the first pair of elements where it fails.
        """
        group = self.group
        generator = torch.Generator().manual_seed(seed)
        if isinstance(group, FiniteGroup) and group.order <= 512 and len(group.generators()):
            elements, gens = group.elements(), group.generators()
            a, b = elements.repeat_interleave(len(gens)), gens.repeat(len(elements))
        else:
            a, b = group.sample(samples, generator), group.sample(samples, generator)
        left, right, both = self.matrix(a), self.matrix(b), self.matrix(group.compose(a, b))
        eye = torch.eye(self.dim, dtype=torch.float64)
        size = (left @ left.transpose(-1, -2) - eye).abs().amax((-1, -2))
        _first_failure(self, (a, b), size, "orthogonal matrices")
        _first_failure(self, (a, b), (left @ right - both).abs().amax((-1, -2)), "a homomorphism, R(a) R(b) = R(ab)")

    def __repr__(self) -> str:
        return f"<{self.name} of {self.group.name}, dimension {self.dim}>"


def same_group(parts: Sequence[Representation]) -> None:
    """Refuse representations of different group objects."""
    for part in parts[1:]:
        if part.group is not parts[0].group:
            raise ArgumentError(
                "parts",
                expected=f"representations of one group object, {parts[0].group.name}",
                got=part.group.name,
                way_out="make the group once and pass the same object",
            )


def matrix_of(index: Tensor, sign: Tensor) -> Tensor:
    """Signed permutation matrices from index and sign."""
    matrix = torch.zeros(*index.shape, index.shape[-1], dtype=torch.float64)
    return matrix.scatter(-1, index.unsqueeze(-1), sign.to(torch.float64).unsqueeze(-1))


def _first_failure(rep: Representation, pairs: tuple[Tensor, Tensor], error: Tensor, expected: str) -> None:
    bad = torch.nonzero(error > 1e-8).flatten()
    if len(bad):
        k = int(bad[0])
        raise ArgumentError(
            "rep",
            expected=expected,
            got=f"{rep.name}: off by {float(error[k]):.2e} at a = {rep.group.describe(pairs[0][k])}, "
            f"b = {rep.group.describe(pairs[1][k])}",
        )
