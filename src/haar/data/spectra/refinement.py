"""Eigenvectors to the last digit, whatever the gaps: one step of refinement with exact products.

A symmetric solver leaves in every eigenvector a share of its neighbours of the unit round-off over the gap between
their eigenvalues, so that what a symmetry of the matrix makes equal is equal to 1e-11 only where a gap is 1e-5. The
residual of the columns tells these shares, if it is known to more digits than double precision has.

Sources: the step is that of Ogita & Aishima, Japan J. Indust. Appl. Math. 35 (2018) 1007; the products that double
precision does without rounding are those of Ozaki et al., Numer. Algorithms 59 (2012) 95.
"""

from __future__ import annotations

from math import ceil, log2

import torch
from jaxtyping import Float, Int
from torch import Tensor

#: Pieces of a number; together they have more bits than it.
_PIECES = 3


def refined(
    matrix: Float[Tensor, "n n"],
    values: Float[Tensor, " m"],
    vectors: Float[Tensor, "n m"],
    spaces: Int[Tensor, " m"],
    columns: slice,
) -> Float[Tensor, "n k"]:
    """Some eigenvectors of a symmetric matrix without their shares of those of the other eigenspaces, of length one.

    Args:
        matrix: The matrix, in float64.
        values: Eigenvalues as a solver finds them.
        vectors: The solver's eigenvectors, in columns.
        spaces: Number of the eigenspace of each; within one, columns are left as they are.
        columns: Which of them to refine.

    Example:
        >>> pair = torch.tensor([[1.0, 1e-7], [1e-7, 1.0]], dtype=torch.float64)
        >>> values, vectors = torch.linalg.eigh(pair)
        >>> better = refined(pair, values, vectors, torch.arange(2), slice(0, 2))
        >>> bool(((better.abs() - 0.5**0.5).abs() < 1e-15).all())
        True
    """
    chosen, level = vectors[:, columns], values[columns]
    shares = vectors.T @ _residual(matrix, chosen, level)
    gaps = values.unsqueeze(1) - level
    apart = spaces.unsqueeze(1) != spaces[columns]
    better: Tensor = chosen - vectors @ torch.where(apart, shares / torch.where(apart, gaps, 1.0), 0.0)
    unit: Tensor = better / better.norm(dim=0)
    return unit


def _residual(matrix: Tensor, vectors: Tensor, values: Tensor) -> Tensor:
    """A V - V diag(lambda), which is far smaller than either, to nearly all digits of double precision."""
    bits = (53 - ceil(log2(max(2, len(matrix))))) // 2  # sums of so many products of two pieces fit in 53 bits
    left, right = _pieces(matrix, 1, bits), _pieces(vectors, 0, bits)
    factors = _pieces(values.unsqueeze(0), 0, bits)
    total = error = torch.zeros_like(vectors)
    for column in right:
        for term in [*(row @ column for row in left), *(-column * factor for factor in factors)]:
            before, total = total, total + term
            taken = total - before
            error = error + ((before - (total - taken)) + (term - taken))  # what the addition lost, exactly
    return total + error


def _pieces(value: Tensor, along: int, bits: int) -> list[Tensor]:
    """A tensor as a sum of tensors with few bits each, relative to the largest entry along an axis."""
    found = []
    for _ in range(_PIECES):
        largest = value.abs().amax(along, keepdim=True)
        largest = torch.where(largest > 0, largest, 1.0)
        power = largest / torch.frexp(largest).mantissa  # a power of two above it
        coarse = power * 2.0 ** (53 - bits)
        piece = (value + coarse) - coarse
        found.append(piece)
        value = value - piece
    return found
