"""What a representation is: orthogonal matrices on the last axis, stored as lazily as its kind allows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import SupportsIndex

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from haar.actions.representation.dtypes import require_floating, require_signed
from haar.constants import HOMOMORPHISM_ERROR
from haar.errors import ArgumentError, ShapeError
from haar.groups import FiniteGroup, FiniteProduct, Group, LieGroup, MixedProduct, Subgroup
from haar.groups.broadcast import broadcast_shapes
from haar.groups.door import check_compact
from haar.host import Hosted
from haar.seeding import Seed, generator_of

#: Entries of matrices that a proof over all elements of a group of more than 512 may compute, and hold at once.
_PROOF, _CHUNK = 10_000_000, 4_000_000
_ROUNDING = "representation_from_generators(..., orthogonalise=True) takes off the rounding of single precision"


class Representation(Hosted, ABC):
    """A homomorphism from a group into the orthogonal matrices of one dimension, acting on the last axis of a tensor.

    A signed-permutation representation answers `signed_permutation`; every one answers `matrix`. Sums, tensor products
    and pull-backs are lazy: they hold their parts and never build a matrix unless asked.

    Attributes:
        group: The group represented.
        dim: Dimension of the space it acts on.
        name: A short name.
    """

    makes_no_tensors = frozenset({"act", "check_dtype", "dual", "pull_back"})

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

    def act(self, g: Tensor, x: Shaped[Tensor, "*batch n"]) -> Shaped[Tensor, "*out n"]:
        """Apply elements to vectors on the last axis; the batch of elements broadcasts against the leading axes of x.

        Args:
            g: Elements ``(*batch_g, *element_shape)``.
            x: Vectors ``(*batch_x, dim)``, floating or complex; for signed permutations any dtype that can hold them.

        Raises:
            ShapeError: If the last axis is not `dim`.
            ArgumentError: If the dtype cannot hold what elements do, see `check_dtype`.
        """
        self._check_last_axis(x)
        self.check_dtype(x)
        if self.is_signed_permutation:
            index, sign = self.signed_permutation(g)
            batch = broadcast_shapes(index.shape[:-1], x.shape[:-1])
            moved = x.expand(*batch, self.dim).gather(-1, index.expand(*batch, self.dim).to(x.device))
            return moved * sign.to(device=x.device, dtype=x.dtype)
        matrix = self.matrix(g).to(device=x.device, dtype=x.dtype)
        return (matrix @ x.unsqueeze(-1)).squeeze(-1)

    def check_dtype(self, x: Tensor, argument: str = "x") -> None:
        """Refuse integers and booleans under matrices, and unsigned numbers where an element changes signs.

        Raises:
            ArgumentError: Naming the argument and its dtype.
        """
        if not self.is_signed_permutation:
            require_floating(x, argument, f"the matrices of {self.name}")
        elif not x.dtype.is_signed and self.changes_signs:
            require_signed(x, argument, f"{self.group.name} changes signs of {self.name}")

    @cached_property
    def changes_signs(self) -> bool:
        """Whether some element of a signed permutation changes a sign; True for matrices."""
        generators = self.group.generators()
        if not self.is_signed_permutation:
            return True
        return len(generators) > 0 and bool((self.signed_permutation(generators)[1] < 0).any())

    def _check_last_axis(self, x: Tensor) -> None:
        if not x.ndim or x.shape[-1] != self.dim:
            raise ShapeError(
                "x", expected=f"last axis {self.dim} ({self.name} of {self.group.name})", got=tuple(x.shape)
            )

    def character(self, g: Tensor) -> Float[Tensor, "*batch"]:
        """Traces of a batch of elements, float64."""
        if self.is_signed_permutation:
            index, sign = self.signed_permutation(g)
            fixed = index == torch.arange(self.dim)
            return (fixed * sign).sum(-1).to(torch.float64)
        return self.matrix(g).diagonal(dim1=-2, dim2=-1).sum(-1)

    def algebra(self) -> Float[Tensor, "k n n"]:
        """Images of the Lie algebra's basis X: derivatives of R(exp(t X)) at t = 0.

        The entries of R(exp(t X)) have frequencies up to `degree` times those of X. At a t where no angle exceeds one
        radian, t dR(X) is the logarithm of R(exp(t X)): its antisymmetric part is the sine of it.

        Raises:
            ArgumentError: If the group is no Lie group or the degree is unknown.
        """
        group, degree = self.group, self.degree
        if not isinstance(group, LieGroup) or degree is None:
            raise ArgumentError(
                "rep", expected="a representation of a Lie group, of known degree", got=f"{self.name} of {group.name}"
            )
        count = len(group.algebra)
        if not count or not degree:
            return torch.zeros(count, self.dim, self.dim, dtype=torch.float64)
        t = 1 / (degree * torch.linalg.matrix_norm(group.algebra, ord=2))
        turned = self.matrix(group.exp(torch.diag(t)))
        sines, vectors = torch.linalg.eigh(-0.5j * (turned - turned.transpose(-1, -2)))
        angles = sines.clamp(-1, 1).arcsin() / t[:, None]
        images: Tensor = (vectors * (1j * angles).unsqueeze(-2) @ vectors.mH).real
        return images

    def __add__(self, other: Representation) -> Representation:
        """The direct sum."""
        return Made.direct_sum([self, other])

    def __mul__(self, copies: int) -> Representation:
        """The direct sum of several copies."""
        if isinstance(copies, bool) or not isinstance(copies, SupportsIndex) or copies < 1:
            raise ArgumentError("copies", expected="at least one copy", got=repr(copies))
        return Made.direct_sum([self] * copies)

    __rmul__ = __mul__

    def __matmul__(self, other: Representation) -> Representation:
        """The tensor product; the second factor runs fastest."""
        return Made.tensor_product(self, other)

    def restrict(self, subgroup: Subgroup) -> Representation:
        """The same matrices for the elements of a subgroup; the same object for every call with one subgroup object.

        A direct sum is restricted part by part, so that equal parts stay one object.

        Raises:
            ArgumentError: If it is no subgroup of the representation's group object.
        """
        parent = getattr(subgroup, "parent", None)
        if parent != self.group:
            raise ArgumentError(
                "subgroup",
                expected=f"a subgroup of {self.group.name}, of which {self.name} is a representation",
                got=f"one of {parent.name}" if isinstance(parent, Group) else _short(subgroup),
                way_out="make it with group.subgroup(...) of the same group object",
            )
        memory: dict[Representation, Representation] = subgroup.__dict__.setdefault("_restricted", {})
        if self not in memory:
            memory[self] = self._restricted(subgroup)
        return memory[self]

    def _restricted(self, subgroup: Subgroup) -> Representation:
        return Made.restricted(self, subgroup)

    def pull_back(self, product: FiniteProduct | MixedProduct, factor: int) -> Representation:
        """The representation of a product in which only one factor acts, through this one."""
        return Made.from_factor(self, product, factor)

    def dual(self) -> Representation:
        """The dual, R(g^-1)^T: for orthogonal matrices the representation itself.

        Raises:
            ArgumentError: If the group is not compact.
        """
        check_compact("rep", self.group)
        return self

    def check(self, *, samples: int = 64, seed: Seed = 0) -> None:
        """Verify that this is an orthogonal homomorphism: a proof where elements can be listed, else a random test.

        Raises:
            ArgumentError: Naming the first pair of elements where it fails.
        """
        group = self.group
        generator = generator_of(seed)
        gens = group.generators()
        if isinstance(group, FiniteGroup) and len(gens) and self._is_cheap(group.order, len(gens)):
            elements = group.elements()
            a, b = elements.repeat_interleave(len(gens)), gens.repeat(len(elements))
        else:
            a, b = group.sample(samples, generator), group.sample(samples, generator)
        eye = torch.eye(self.dim, dtype=torch.float64)
        step = max(1, _CHUNK // max(1, self.dim**2))
        for one, other in zip(a.split(step), b.split(step), strict=True):
            left, right, both = self.matrix(one), self.matrix(other), self.matrix(group.compose(one, other))
            size = (left @ left.transpose(-1, -2) - eye).abs().amax((-1, -2))
            _first_failure(self, (one, other), size, "orthogonal matrices")
            error = (left @ right - both).abs().amax((-1, -2))
            _first_failure(self, (one, other), error, "a homomorphism, R(a) R(b) = R(ab)")

    def _is_cheap(self, order: int, generators: int) -> bool:
        return order <= 512 or order * generators * self.dim**2 <= _PROOF

    def __repr__(self) -> str:
        return f"<{self.name} of {self.group.name}, dimension {self.dim}>"


class Made:
    """How operators make other kinds: each file that defines one puts it here, so that none imports back."""

    direct_sum: Callable[[Sequence[Representation]], Representation]
    tensor_product: Callable[[Representation, Representation], Representation]
    restricted: Callable[[Representation, Subgroup], Representation]
    from_factor: Callable[[Representation, FiniteProduct | MixedProduct, int], Representation]


def check_representation(argument: str, value: object) -> None:
    """Refuse what is no representation, with the way to one.

    Raises:
        ArgumentError: Naming the argument.

    Example:
        >>> from haar.groups import dihedral
        >>> check_representation("rep", dihedral(4))
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: rep: expected a representation, got <TableGroup D4, order 8>; say how it acts: \
Defining(group), Space(group), Regular(group), Trivial(group), ...
    """
    if isinstance(value, Representation):
        return
    if isinstance(value, Group):
        way_out = "say how it acts: Defining(group), Space(group), Regular(group), Trivial(group), ..."
    elif isinstance(getattr(value, "rep", None), Representation):
        way_out = "give its representation, .rep"
    elif isinstance(value, Tensor):
        way_out = "matrices become one by Given(group, matrices) or representation_from_generators(group, matrices)"
    elif isinstance(value, type) and issubclass(value, Representation):
        way_out = f"make one: {value.__name__}(group)"
    else:
        way_out = "such as haar.actions.Defining(group)"
    raise ArgumentError(argument, expected="a representation", got=_short(value), way_out=way_out)


def check_degree(argument: str, value: object) -> None:
    """Refuse what is no whole number from 0 on: a power, a degree.

    Raises:
        ArgumentError: Naming the argument.
    """
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise ArgumentError(argument, expected="a whole number, 0 or more", got=repr(value))
    if value.__index__() < 0:
        raise ArgumentError(argument, expected="0 or more", got=value)


def _short(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def same_group(parts: Sequence[Representation]) -> None:
    """Refuse what is no representation, and representations of different group objects."""
    for part in parts:
        check_representation("parts", part)
    for part in parts[1:]:
        if part.group != parts[0].group:
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
    bad = torch.nonzero(error > HOMOMORPHISM_ERROR).flatten()
    if len(bad):
        k = int(bad[0])
        raise ArgumentError(
            "rep",
            expected=expected,
            got=f"{rep.name}: off by {float(error[k]):.2e} at a = {rep.group.describe(pairs[0][k])}, "
            f"b = {rep.group.describe(pairs[1][k])}",
            way_out=_ROUNDING if float(error.max()) < 1e-3 else "",
        )
