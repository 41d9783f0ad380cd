"""Matrices between units, entry by entry: what third and fourth cumulants in factors are computed with."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


class Entries:
    """Products, transposes and diagonals of matrices with a row and a column for each unit.

    The orbit back-end has the same operations on one block per orbit of pairs: invariant matrices are closed under
    products and under entrywise products.

    Example:
        >>> Entries().product(torch.eye(2), torch.ones(2, 2)).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """

    def rows(self, vector: Float[Tensor, "*batch units"]) -> Float[Tensor, "*batch units one"]:
        """The vector as it multiplies [i, j] by its entry i."""
        return vector[..., :, None]

    def columns(self, vector: Float[Tensor, "*batch units"]) -> Float[Tensor, "*batch one units"]:
        """The vector as it multiplies [i, j] by its entry j."""
        return vector[..., None, :]

    def transpose(self, matrix: Float[Tensor, "*batch rows columns"]) -> Float[Tensor, "*batch columns rows"]:
        """[j, i]."""
        return matrix.mT

    def product(
        self, left: Float[Tensor, "*#batch rows inner"], right: Float[Tensor, "*#batch inner columns"]
    ) -> Float[Tensor, "... rows columns"]:
        """Sum over the inner index."""
        return left @ right

    def diagonal(self, matrix: Float[Tensor, "*batch units units"]) -> Float[Tensor, "*batch units"]:
        """[i, i]."""
        return matrix.diagonal(dim1=-2, dim2=-1)

    def with_diagonal(
        self, matrix: Float[Tensor, "*batch units units"], vector: Float[Tensor, "*batch units"]
    ) -> Float[Tensor, "*batch units units"]:
        """The matrix with another diagonal."""
        return torch.diagonal_scatter(matrix, vector, dim1=-2, dim2=-1)

    def identity(self, like: Float[Tensor, "*batch units"]) -> Float[Tensor, "*batch units units"]:
        """The unit matrix, with the batch axes and the size of a vector."""
        return torch.diag_embed(torch.ones_like(like))
