"""Orthogonal representations in three storage forms behind one interface: signed permutation, dense, and lazy composites."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.groups import FiniteGroup, FiniteProduct, Group, LieGroup, MixedProduct, Subgroup


class Representation(ABC):
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
        """Degree of the matrix entries as polynomials of a Lie group's defining matrices; 0 for a finite group, None if unknown."""
        return 0 if self.group.is_finite else None

    @abstractmethod
    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """Matrices of a batch of elements, float64."""

    def signed_permutation(self, g: Tensor) -> tuple[Int[Tensor, "*batch n"], Int[Tensor, "*batch n"]]:
        """Index and sign with (R v)_i = sign_i v_index(i).

        Raises:
            ArgumentError: If the representation is not of that form.
        """
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
            batch = torch.broadcast_shapes(index.shape[:-1], x.shape[:-1])
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
        """Images of the Lie algebra's basis.

        Raises:
            ArgumentError: If the group is finite.
        """
        raise ArgumentError("rep", expected="a representation of a Lie group", got=f"{self.name} of {self.group.name}")

    def __add__(self, other: Representation) -> Representation:
        """The direct sum."""
        return direct_sum([self, other])

    def __mul__(self, copies: int) -> Representation:
        """The direct sum of several copies."""
        return direct_sum([self] * copies)

    __rmul__ = __mul__

    def __matmul__(self, other: Representation) -> Representation:
        """The tensor product; the second factor runs fastest."""
        return TensorProduct(self, other)

    def restrict(self, subgroup: Subgroup) -> Representation:
        """The same matrices for the elements of a subgroup."""
        return Restricted(self, subgroup)

    def pull_back(self, product: FiniteProduct | MixedProduct, factor: int) -> Representation:
        """The representation of a product in which only one factor acts, through this one."""
        return FromFactor(self, product, factor)

    def check(self, *, samples: int = 64, seed: int = 0) -> None:
        """Verify that this is an orthogonal homomorphism: by proof on the generators where elements can be listed, else by sampling.

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
        _first_failure(
            self, group, a, b, (left @ left.transpose(-1, -2) - eye).abs().amax((-1, -2)), "orthogonal matrices"
        )
        _first_failure(
            self, group, a, b, (left @ right - both).abs().amax((-1, -2)), "a homomorphism, R(a) R(b) = R(ab)"
        )

    def __repr__(self) -> str:
        return f"<{self.name} of {self.group.name}, dimension {self.dim}>"


class Trivial(Representation):
    """Nothing moves."""

    def __init__(self, group: Group, dim: int = 1) -> None:
        self.group, self.dim, self.name = group, dim, "trivial" if dim == 1 else f"{dim} trivial"

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
        if group.defining_dim is None:
            raise ArgumentError(
                "group",
                expected="a group with defining matrices",
                got=group.name,
                way_out="pull one back from a factor",
            )
        self.group, self.dim, self.name = group, group.defining_dim, "defining"

    @property
    def is_signed_permutation(self) -> bool:
        """Whether the group's matrices are."""
        return self.group.defining_signed_permutation(self.group.identity()) is not None

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
        return _matrix_of(*self.signed_permutation(g))


class Determinant(Representation):
    """The sign det R(g) of another representation: +1 for rotations, -1 for reflections."""

    def __init__(self, rep: Representation) -> None:
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


class Given(Representation):
    """Matrices given for every element of an enumerated group.

    Args:
        group: An enumerated group.
        matrices: ``(order, n, n)``, float64; checked to be an orthogonal homomorphism.
        name: A short name.

    Raises:
        ArgumentError: If shapes do not fit, or the matrices are no orthogonal homomorphism.
    """

    def __init__(self, group: FiniteGroup, matrices: Float[Tensor, "order n n"], name: str = "given") -> None:
        from haar.groups.finite import signed_permutation_of

        matrices = matrices.to(torch.float64)
        if matrices.shape[0] != group.order:
            raise ShapeError("matrices", expected=f"one for each of {group.order} elements", got=tuple(matrices.shape))
        self.group, self.dim, self.name, self.matrices = group, int(matrices.shape[-1]), name, matrices
        self._signed = signed_permutation_of(matrices)
        self.check()

    @property
    def is_signed_permutation(self) -> bool:
        """Whether all matrices are."""
        return self._signed is not None

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """From a table."""
        if self._signed is None:
            return super().signed_permutation(g)
        return self._signed[0][g], self._signed[1][g]

    def matrix(self, g: Tensor) -> Tensor:
        """From the table."""
        return self.matrices[g]


class Regular(Representation):
    """The group permuting itself: (R(g) v)_h = v_(g^-1 h)."""

    def __init__(self, group: FiniteGroup) -> None:
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
        return _matrix_of(*self.signed_permutation(g))


class DirectSum(Representation):
    """Representations side by side."""

    def __init__(self, parts: Sequence[Representation]) -> None:
        self.parts = tuple(parts)
        _same_group(self.parts)
        self.group = parts[0].group
        self.dim = sum(part.dim for part in parts)
        self.name = " + ".join(part.name for part in parts)

    @property
    def is_signed_permutation(self) -> bool:
        """Whether all parts are."""
        return all(part.is_signed_permutation for part in self.parts)

    @property
    def degree(self) -> int | None:
        """The largest of the parts."""
        degrees = [part.degree for part in self.parts]
        return None if None in degrees else max(d for d in degrees if d is not None)

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """The parts' indices, offset."""
        indices, signs, start = [], [], 0
        for part in self.parts:
            index, sign = part.signed_permutation(g)
            indices.append(index + start)
            signs.append(sign)
            start += part.dim
        return torch.cat(indices, -1), torch.cat(signs, -1)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Part by part, unless one gather does it."""
        if self.is_signed_permutation or x.shape[-1] != self.dim:
            return super().act(g, x)
        pieces = x.split([part.dim for part in self.parts], -1)
        return torch.cat([part.act(g, piece) for part, piece in zip(self.parts, pieces, strict=True)], -1)

    def character(self, g: Tensor) -> Tensor:
        """The sum of characters."""
        return torch.stack([part.character(g) for part in self.parts]).sum(0)

    def matrix(self, g: Tensor) -> Tensor:
        """Block-diagonal matrices."""
        batch = g.shape[: g.ndim - len(self.group.element_shape)]
        out = torch.zeros(*batch, self.dim, self.dim, dtype=torch.float64)
        start = 0
        for part in self.parts:
            out[..., start : start + part.dim, start : start + part.dim] = part.matrix(g)
            start += part.dim
        return out

    def algebra(self) -> Tensor:
        """Block-diagonal."""
        blocks = [part.algebra() for part in self.parts]
        return torch.stack([torch.block_diag(*[block[k] for block in blocks]) for k in range(len(blocks[0]))])


class TensorProduct(Representation):
    """The tensor product of two representations; the second runs fastest (row-major, as arrays are)."""

    def __init__(self, left: Representation, right: Representation) -> None:
        _same_group((left, right))
        self.left, self.right = left, right
        self.group, self.dim = left.group, left.dim * right.dim
        self.name = f"({left.name} x {right.name})"

    @property
    def is_signed_permutation(self) -> bool:
        """Whether both are."""
        return self.left.is_signed_permutation and self.right.is_signed_permutation

    @property
    def degree(self) -> int | None:
        """The sum of both."""
        left, right = self.left.degree, self.right.degree
        return None if left is None or right is None else left + right

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs of indices, products of signs."""
        left, left_sign = self.left.signed_permutation(g)
        right, right_sign = self.right.signed_permutation(g)
        index = left.unsqueeze(-1) * self.right.dim + right.unsqueeze(-2)
        return index.flatten(-2), (left_sign.unsqueeze(-1) * right_sign.unsqueeze(-2)).flatten(-2)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """One factor after the other, without the product's matrix."""
        if self.is_signed_permutation or x.shape[-1] != self.dim:
            return super().act(g, x)
        left = self.left.matrix(g).to(device=x.device, dtype=x.dtype)
        right = self.right.matrix(g).to(device=x.device, dtype=x.dtype)
        square = x.unflatten(-1, (self.left.dim, self.right.dim))
        return (left @ square @ right.transpose(-1, -2)).flatten(-2)

    def character(self, g: Tensor) -> Tensor:
        """The product of characters."""
        return self.left.character(g) * self.right.character(g)

    def matrix(self, g: Tensor) -> Tensor:
        """Kronecker products."""
        left, right = self.left.matrix(g), self.right.matrix(g)
        product = torch.einsum("...ij,...kl->...ikjl", left, right)
        return product.reshape(*product.shape[:-4], self.dim, self.dim)

    def algebra(self) -> Tensor:
        """X on the left plus X on the right."""
        left, right = self.left.algebra(), self.right.algebra()
        eye_left = torch.eye(self.left.dim, dtype=torch.float64)
        eye_right = torch.eye(self.right.dim, dtype=torch.float64)
        both = torch.einsum("aij,kl->aikjl", left, eye_right) + torch.einsum("ij,akl->aikjl", eye_left, right)
        return both.reshape(-1, self.dim, self.dim)


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
        if subgroup.parent is not rep.group:
            raise ArgumentError(
                "subgroup", expected=f"a subgroup of {rep.group.name}", got=f"one of {subgroup.parent.name}"
            )
        self.rep, self.group, self.dim, self.name = rep, subgroup, rep.dim, rep.name
        self._include = subgroup.include

    def _source(self, g: Tensor) -> Tensor:
        return self._include(g)


class FromFactor(_Through):
    """A representation of one factor, as a representation of the product."""

    def __init__(self, rep: Representation, product: FiniteProduct | MixedProduct, factor: int) -> None:
        if not 0 <= factor < len(product.factors) or product.factors[factor] is not rep.group:
            raise ArgumentError("factor", expected=f"the place of {rep.group.name} in {product.name}", got=factor)
        self.rep, self.group, self.dim, self.name = rep, product, rep.dim, f"{rep.name}({rep.group.name})"
        self._split, self._factor = product.split, factor

    def _source(self, g: Tensor) -> Tensor:
        return self._split(g)[self._factor]


def direct_sum(parts: Sequence[Representation]) -> Representation:
    """The direct sum of one or more representations of one group."""
    if not parts:
        raise ArgumentError("parts", expected="at least one representation", got="none")
    return parts[0] if len(parts) == 1 else DirectSum(parts)


def tensor_power(rep: Representation, power: int) -> Representation:
    """The tensor product of `power` copies; power 0 is trivial."""
    if power < 0:
        raise ArgumentError("power", expected="0 or more", got=power)
    out: Representation = Trivial(rep.group) if power == 0 else rep
    for _ in range(power - 1):
        out = TensorProduct(out, rep)
    return out


def _same_group(parts: Sequence[Representation]) -> None:
    for part in parts[1:]:
        if part.group is not parts[0].group:
            raise ArgumentError(
                "parts",
                expected=f"representations of one group object, {parts[0].group.name}",
                got=part.group.name,
                way_out="make the group once and pass the same object",
            )


def _matrix_of(index: Tensor, sign: Tensor) -> Tensor:
    matrix = torch.zeros(*index.shape, index.shape[-1], dtype=torch.float64)
    return matrix.scatter(-1, index.unsqueeze(-1), sign.to(torch.float64).unsqueeze(-1))


def _first_failure(rep: Representation, group: Group, a: Tensor, b: Tensor, error: Tensor, expected: str) -> None:
    bad = torch.nonzero(error > 1e-8).flatten()
    if len(bad):
        k = int(bad[0])
        raise ArgumentError(
            "rep",
            expected=expected,
            got=f"{rep.name}: off by {float(error[k]):.2e} at a = {group.describe(a[k])}, b = {group.describe(b[k])}",
        )
