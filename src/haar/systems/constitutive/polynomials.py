"""Polynomials of strain that a material's group leaves alone, with their first and second derivatives."""

from __future__ import annotations

import itertools
import math
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import mandel_rotation
from haar.constants import ConstantsModule
from haar.errors import ArgumentError, check_count
from haar.host import on_the_host
from haar.systems.constitutive.symmetry import MaterialSymmetry

#: Singular values below this belong to invariants: of orthogonal matrices the next ones are far larger.
_FIXED = 1e-8
_HIGHEST = 5
#: Columns are equally large within this share.
_TIE = 1e-6
Monomial = tuple[int, ...]


@cache
def monomials(variables: int, degree: int) -> tuple[Monomial, ...]:
    """All monomials of a degree, as sorted rows of factors, in lexicographic order."""
    return tuple(itertools.combinations_with_replacement(range(variables), degree))


@on_the_host
def invariant_coefficients(symmetry: MaterialSymmetry, degree: int) -> Float[Tensor, "invariants monomials"]:
    """Coefficients of all homogeneous invariant polynomials of strain of a degree, orthonormal as symmetric tensors.

    They are what every generator leaves alone: the null space of R(g) - 1 on symmetric tensors of order `degree` over
    the strains; of continuous groups four random elements generate a dense subgroup.

    Args:
        symmetry: Of the material.
        degree: From 1 to 5.

    Example:
        >>> from haar.systems.constitutive.symmetry import material_symmetry
        >>> [len(invariant_coefficients(material_symmetry("m-3m"), k)) for k in (1, 2, 3)]
        [1, 3, 6]
    """
    n = symmetry.tensors.dim
    rows = monomials(n, degree)
    place = {row: k for k, row in enumerate(rows)}
    counts = torch.tensor([_arrangements(row) for row in rows], dtype=torch.float64)
    entries = torch.zeros(len(rows), n**degree, dtype=torch.float64)
    for k, word in enumerate(itertools.product(range(n), repeat=degree)):
        entries[place[tuple(sorted(word))], k] = 1.0
    entries = entries / counts.sqrt()[:, None]
    conditions = []
    for R in _matrices(symmetry):
        turned = entries.reshape(len(rows), *([n] * degree))
        for axis in range(1, degree + 1):
            turned = torch.movedim(torch.tensordot(turned, R, dims=([axis], [1])), -1, axis)
        conditions.append(entries @ turned.flatten(1).T - torch.eye(len(rows), dtype=torch.float64))
    _, values, vectors = torch.linalg.svd(torch.cat(conditions))
    made: Tensor = _tidy(vectors[values < _FIXED]) * counts.sqrt()
    return made


def _matrices(symmetry: MaterialSymmetry) -> Tensor:
    found: Tensor = mandel_rotation(symmetry.generators())
    return found if len(found) else torch.eye(symmetry.tensors.dim, dtype=torch.float64)[None]


def _tidy(rows: Tensor) -> Tensor:
    """An orthonormal basis of the same space whose rows have many zeros, and one sign wherever it is made."""
    if not len(rows):
        return rows
    reduced = torch.linalg.solve(rows[:, _independent_columns(rows)], rows)
    reduced = torch.where(reduced.abs() < 1e-12, torch.zeros_like(reduced), reduced)
    q, r = torch.linalg.qr(reduced.T)
    made: Tensor = (q * r.diagonal().sign()).T
    return made


def _independent_columns(rows: Tensor) -> list[int]:
    """Columns on which the rows are independent, by elimination with the largest pivot first.

    Symmetry makes many columns equally large: the first of these counts, not the one that rounding makes the largest,
    or a law's file would hold weights of other invariants on another machine.
    """
    left = rows.clone()
    pivots: list[int] = []
    for _ in range(len(rows)):
        size = left.square().sum(0)
        column = int((size > (1 - _TIE) * size.max()).nonzero()[0])
        pivots.append(column)
        direction = left[:, column] / left[:, column].norm()
        left = left - direction[:, None] * (direction @ left)
    return sorted(pivots)


def _arrangements(row: Monomial) -> int:
    count = math.factorial(len(row))
    for one in set(row):
        count //= math.factorial(row.count(one))
    return count


class InvariantPolynomials(ConstantsModule):
    """The invariants of strain up to a degree, with gradient and second derivative, as sums over monomials.

    Args:
        symmetry: Of the material.
        degree: Highest degree, from 1 to 5. Classes that linear elasticity takes for one (622 and inf/mm) differ from
            degree 3 on or later.

    Raises:
        ArgumentError: If the degree is out of range.

    Example:
        >>> from haar.systems.constitutive.symmetry import material_symmetry
        >>> InvariantPolynomials(material_symmetry("isotropic"), 3).count
        6
    """

    def __init__(self, symmetry: MaterialSymmetry, degree: int = 3) -> None:
        super().__init__()
        check_count("degree", degree)
        if degree > _HIGHEST:
            raise ArgumentError("degree", expected=f"at most {_HIGHEST}", got=degree)
        self.symmetry, self.degree, self.variables = symmetry, degree, symmetry.tensors.dim
        coefficients = [invariant_coefficients(symmetry, k) for k in range(1, degree + 1)]
        self.counts = tuple(len(c) for c in coefficients)
        self.count = sum(self.counts)
        values, gradients, curvatures = _derivatives(coefficients, self.variables)
        self.register_constant("values", values)
        self.register_constant("gradients", gradients)
        self.register_constant("curvatures", curvatures)
        for k in range(2, degree + 1):
            self.register_buffer(f"tail_{k}", _tails(self.variables, k), persistent=False)
        heads = [torch.tensor([row[0] for row in monomials(self.variables, k)]) for k in range(2, degree + 1)]
        for k, head in enumerate(heads, start=2):
            self.register_buffer(f"head_{k}", head, persistent=False)
        self._sizes = tuple(len(monomials(self.variables, k)) for k in range(degree + 1))

    def powers(self, x: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch monomials"]:
        """All monomials of degree 0 to `degree`."""
        found = [torch.ones_like(x[..., :1]), x]
        for k in range(2, self.degree + 1):
            head, tail = self._buffers[f"head_{k}"], self._buffers[f"tail_{k}"]
            found.append(x[..., head] * found[-1][..., tail])
        return torch.cat(found, -1)

    def forward(self, x: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch invariants"]:
        """The invariants, degree by degree."""
        found: Tensor = self.powers(x) @ self.constant_as("values", x.dtype)
        return found

    def slopes(self, powers: Float[Tensor, "*batch monomials"]) -> Float[Tensor, "*batch invariants n"]:
        """Their gradients, from the monomials."""
        matrix = self.constant_as("gradients", powers.dtype)
        found: Tensor = (powers[..., : matrix.shape[0]] @ matrix).unflatten(-1, (self.count, self.variables))
        return found

    def bends(
        self, powers: Float[Tensor, "*batch monomials"], weights: Float[Tensor, "*batch invariants"]
    ) -> Float[Tensor, "*batch n n"]:
        """Second derivatives of a sum of them with weights, from the monomials."""
        matrix = self.constant_as("curvatures", powers.dtype)  # (invariants, monomials, n (n + 1) / 2)
        few = powers[..., : matrix.shape[1]]
        summed = (weights @ matrix.flatten(1)).unflatten(-1, matrix.shape[1:])
        half = (few.unsqueeze(-2) @ summed).squeeze(-2)
        index = _square(self.variables).to(half.device)
        made: Tensor = half[..., index]
        return made


def _square(n: int) -> Tensor:
    index = torch.zeros(n, n, dtype=torch.int64)
    row, column = torch.triu_indices(n, n)
    index[row, column] = index[column, row] = torch.arange(len(row))
    return index


def _tails(variables: int, degree: int) -> Tensor:
    place = {row: k for k, row in enumerate(monomials(variables, degree - 1))}
    return torch.tensor([place[row[1:]] for row in monomials(variables, degree)])


def _derivatives(coefficients: list[Tensor], n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Values, gradients and second derivatives as linear maps of the monomials up to the degree, less one, less two."""
    degree = len(coefficients)
    starts = list(itertools.accumulate((len(monomials(n, k)) for k in range(degree + 1)), initial=0))
    place = {row: starts[k] + j for k in range(degree + 1) for j, row in enumerate(monomials(n, k))}
    count = sum(map(len, coefficients))
    values = torch.zeros(starts[degree + 1], count, dtype=torch.float64)
    gradients = torch.zeros(starts[degree], count, n, dtype=torch.float64)
    curvatures = torch.zeros(count, starts[max(degree - 1, 1)], n * (n + 1) // 2, dtype=torch.float64)
    pair = _square(n)
    first = 0
    for k, block in enumerate(coefficients, start=1):
        rows = slice(first, first + len(block))
        for column, row in zip(block.T, monomials(n, k), strict=True):
            values[place[row], rows] = column
            for i in set(row):
                once = _without(row, i)
                gradients[place[once], rows, i] += row.count(i) * column
                for j in {j for j in once if j >= i}:
                    weight = row.count(i) * once.count(j)
                    curvatures[rows, place[_without(once, j)], int(pair[i, j])] += weight * column
        first += len(block)
    return values, gradients.flatten(1), curvatures


def _without(row: Monomial, factor: int) -> Monomial:
    k = row.index(factor)
    return row[:k] + row[k + 1 :]
