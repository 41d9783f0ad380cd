"""The maximal torus of a compact connected matrix group, with the integers that say how it turns, from its algebra."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor
from torch.linalg import matrix_norm

from haar.errors import ArgumentError

#: Ratios of frequencies must be fractions of at most this denominator.
_DENOMINATOR = 1000
#: ... to this; and what is smaller than this, relative to the algebra, is zero.
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class MaximalTorus:
    """Angles on which a maximal torus depends with period 2 pi each, once around for all of it.

    Attributes:
        frame: A unitary matrix ``(d, d)`` whose columns every element of the torus turns by a phase.
        weights: Integers ``(d, rank)``: column j is turned by the angle ``weights[j] . angles``.
        roots: Integers ``(count, rank)``: one of each pair +-alpha of roots; none for an abelian group.
    """

    frame: Complex[Tensor, "d d"]
    weights: Int[Tensor, "d rank"]
    roots: Int[Tensor, "count rank"]

    @property
    def rank(self) -> int:
        """Number of angles."""
        return int(self.weights.shape[1])

    def element(self, angles: Float[Tensor, "*batch rank"]) -> Float[Tensor, "*batch d d"]:
        """The element of the torus at some angles."""
        turned = angles.to(torch.float64) @ self.weights.to(torch.float64).T
        phases = torch.complex(turned.cos(), turned.sin())
        matrices: Tensor = ((self.frame * phases.unsqueeze(-2)) @ self.frame.conj().T).real.contiguous()
        return matrices

    def counts(self, degree: int) -> list[int]:
        """Equispaced points along every angle that integrate class functions of a degree with Weyl's density."""
        waves = degree * self.weights.abs().amax(0) + self.roots.abs().sum(0)
        return (waves + 1).tolist()

    def density(self, angles: Float[Tensor, "m rank"]) -> Float[Tensor, " m"]:
        """Weyl's density: the product of |1 - exp(i alpha)|^2 over pairs of roots, not normalised."""
        return (2 - 2 * (angles @ self.roots.to(torch.float64).T).cos()).prod(-1)


def maximal_torus(algebra: Float[Tensor, "dim d d"]) -> MaximalTorus:
    """A maximal torus: the centraliser of a generic element of the algebra, with its lattice of weights.

    Args:
        algebra: A basis of a Lie algebra of antisymmetric matrices.

    Raises:
        ArgumentError: If the frequencies of a turn are in no rational ratio: then the group is not closed.

    Example:
        >>> import torch
        >>> turn = torch.tensor([[[0.0, -1, 0], [1, 0, 0], [0, 0, 0]]], dtype=torch.float64)
        >>> maximal_torus(3 * turn).weights.abs().sort(0).values.tolist()
        [[0], [1], [1]]
    """
    d = int(algebra.shape[-1])
    basis = orthonormal(algebra)
    generator = torch.Generator().manual_seed(1776)
    if not len(basis):
        none = torch.zeros(0, 0, dtype=torch.int64)
        return MaximalTorus(torch.eye(d, dtype=torch.complex128), torch.zeros(d, 0, dtype=torch.int64), none)
    generic = torch.einsum("a,aij->ij", torch.randn(len(basis), generator=generator, dtype=torch.float64), basis)
    cartan = torch.einsum("ka,aij->kij", kernel(adjoint(generic[None], basis)[0]), basis)
    rank = len(cartan)
    mixed = torch.randn(rank, generator=generator, dtype=torch.float64)
    regular = torch.einsum("a,aij->ij", mixed, cartan)
    frame = torch.linalg.eigh(-1j * regular).eigenvectors
    turned = frame.conj().T @ (-1j * cartan) @ frame
    frequencies = turned.diagonal(dim1=-2, dim2=-1).real.T  # (d, rank)
    lattice, weights = _lattice(frequencies)
    # roots are differences of weights, and so whole in the same coordinates
    ad = adjoint(cartan, basis)
    vectors = torch.linalg.eigh(-1j * torch.einsum("a,aij->ij", mixed, ad)).eigenvectors
    speeds = (vectors.conj().T @ (-1j * ad) @ vectors).diagonal(dim1=-2, dim2=-1).real.T
    roots = torch.linalg.solve(lattice.T, speeds.T).T.round().to(torch.int64)
    first = [next((x for x in row if x), 0) for row in roots.tolist()]
    return MaximalTorus(frame, weights, roots[torch.tensor([x > 0 for x in first])])


def orthonormal(matrices: Float[Tensor, "k d d"]) -> Float[Tensor, "m d d"]:
    """An orthonormal basis of the span of matrices."""
    _, size, rows = torch.linalg.svd(matrices.flatten(1), full_matrices=False)
    kept = rows[size > _TOLERANCE * size.max()] if len(size) else rows
    return kept.unflatten(1, matrices.shape[1:]) if len(kept) else matrices[:0]


def adjoint(elements: Float[Tensor, "k d d"], basis: Float[Tensor, "n d d"]) -> Float[Tensor, "k n n"]:
    """The matrices of X -> [element, X] in an orthonormal basis of the algebra."""
    return torch.stack([torch.einsum("aij,bij->ba", element @ basis - basis @ element, basis) for element in elements])


def kernel(matrix: Float[Tensor, "m n"]) -> Float[Tensor, "k n"]:
    """An orthonormal basis, as rows, of the vectors that a matrix with entries of order one sends to zero."""
    _, size, rows = torch.linalg.svd(matrix, full_matrices=True)
    null: Tensor = rows[int((size > _TOLERANCE).sum()) :]
    return null


def _lattice(frequencies: Float[Tensor, "d rank"]) -> tuple[Float[Tensor, "rank rank"], Int[Tensor, "d rank"]]:
    """A basis, as rows, of the lattice that rows generate, and the whole coordinates of the rows in it."""
    rank = frequencies.shape[1]
    rest, places = frequencies.clone(), []
    for _ in range(rank):  # rows that are far from the span of those before
        place = int(rest.square().sum(1).argmax())
        places.append(place)
        unit = rest[place] / rest[place].square().sum().sqrt()
        rest = rest - (rest @ unit)[:, None] * unit
    chosen = frequencies[places]
    coordinates = torch.linalg.solve(chosen.T, frequencies.T).T
    fractions = [[_fraction(x) for x in row] for row in coordinates.tolist()]
    common = math.lcm(*[x.denominator for row in fractions for x in row])
    whole = [[int(x * common) for x in row] for row in fractions]
    reduced = _row_echelon(whole)
    lattice = torch.tensor(reduced, dtype=torch.float64) / common @ chosen
    weights = torch.linalg.solve(lattice.T, frequencies.T).T.round().to(torch.int64)
    return lattice, weights


def _fraction(x: float) -> Fraction:
    near = Fraction(x).limit_denominator(_DENOMINATOR)
    if abs(float(near) - x) > _TOLERANCE * max(1.0, abs(x)):
        raise ArgumentError(
            "algebra",
            expected="turns whose frequencies are in rational ratios, as of a closed group",
            got=f"a ratio of {x:.9g}",
            way_out="give one generator for each frequency (haar.groups.Torus), in double precision",
        )
    return near


def _row_echelon(rows: list[list[int]]) -> list[list[int]]:
    """A basis of the lattice that integer rows generate, by Euclid's algorithm column by column."""
    rows = [list(row) for row in rows]
    basis: list[list[int]] = []
    for column in range(len(rows[0])):
        while True:
            live = [row for row in rows if row[column]]
            if not live:
                break
            least = min(live, key=lambda row: abs(row[column]))
            for row in live:
                if row is not least:
                    factor = row[column] // least[column]
                    row[:] = [x - factor * y for x, y in zip(row, least, strict=True)]
            if sum(bool(row[column]) for row in rows) == 1:
                basis.append(least)
                rows = [row for row in rows if row is not least]
                break
    return basis


def span_error(matrices: Float[Tensor, "k d d"], basis: Float[Tensor, "n d d"]) -> float:
    """How far matrices of order one lie outside the span of an orthonormal basis."""
    if not len(matrices):
        return 0.0
    inside = torch.einsum("kij,aij,alm->klm", matrices, basis, basis)
    return float(matrix_norm(matrices - inside).max())
