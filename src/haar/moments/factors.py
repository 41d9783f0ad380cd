r"""Third and fourth cumulants as sums of products of matrices, which an affine map multiplies from the left.

An activation needs no more of them than their slices with two different indices, aab, aabb and aaab. Of a sum of R
products of n x R matrices these cost n^2 R, where the tensors themselves take n^3 and n^4. With o the entrywise
product, X' the transpose, Z2 = Z o Z, D(h) a diagonal matrix:

=====================  ==========================================================================================
`Triple` <X, Y, Z>     sum_r x y z over the placements of its indices: aab = 2[(XoY)Z' + (XoZ)Y' + (YoZ)X'];
                       <X, Y, Y>, 3 placements: (2XoY)Y' + (YoY)X'
`Power` (Z, h)         sum_r h_r z z z z: aabb = Z2 D(h) Z2', aaab = (Z2oZ)D(h)Z'
`Rows` Z               the fourth cumulants of rows of data, mean of z z z z minus the three pairings of covariances
`Pairing` (Z, k)       sum_rs k_rs z_r z_r z_s z_s, 3 pairings: aabb = Z2 k Z2' + 2 Z2 D(k_rr) Z2',
                       aaab = 3((Z2 k)oZ)Z'
`Edge` (Z, Y, h)       sum_r h_r z z y y, 6 placements, M = Z2 D(h) Y2': aabb = M + M' + 4(ZoY)D(h)(ZoY)',
                       aaab = 3(Z2oY)D(h)Y' + 3(ZoY2)D(h)Z'
`Star` (Z, V)          sum_r v z z z, 4 placements, M = (VoZ)Z2': aabb = 2(M + M'), aaab = (Z2oZ)V' + 3(VoZ2)Z'
`Path` (Z, Y, k)       sum_rs k_rs y_r z_r z_s y_s, 12 placements, U = ZoY, v = Uk: aabb = 4vU',
                       aaab = 6[(voZ)Y' + (voY)Z']
`Repeat` (Z, Y, k)     sum_rs k_rs z_r z_r z_s y_s, 12 placements, U = ZoY, A = Z2 k: aabb = 2(AU' + UA'),
                       aaab = 3[(AoZ)Y' + (AoY)Z'] + 6((Uk')oZ)Z'
=====================  ==========================================================================================

What is left out is the crossed part of off-diagonal k in aabb of the last two and of `Pairing` (for two different
units of size n^-2; it costs n^4).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from haar.moments.entries import Entries

Matrices = tuple[Tensor, ...]


@dataclass(frozen=True)
class Triple:
    """sum_r w_r x_ar y_br z_cr over the different placements of a, b, c.

    Args:
        x: Number of the first matrix.
        y: Number of the second.
        z: Number of the third; the second again for three placements in place of six.
        weight: w, ones if left out.
    """

    x: int
    y: int
    z: int
    weight: Tensor | None = None

    def aab(self, m: Matrices, e: Entries) -> Tensor:
        """The slice [a, b] -> K_aab, K_aaa on its diagonal."""
        x = m[self.x] if self.weight is None else m[self.x] * e.columns(self.weight)
        y, z = m[self.y], m[self.z]
        if self.y == self.z:
            return 2.0 * e.product(x * y, e.transpose(y)) + e.product(y * y, e.transpose(x))
        found = e.product(x * y, e.transpose(z)) + e.product(x * z, e.transpose(y))
        return 2.0 * (found + e.product(y * z, e.transpose(x)))

    def dense(self, m: Matrices) -> Tensor:
        """The whole tensor."""
        x = m[self.x] if self.weight is None else m[self.x] * self.weight[..., None, :]
        found = torch.einsum("...ar,...br,...cr->...abc", x, m[self.y], m[self.z])
        if self.y == self.z:
            return found + found.transpose(-3, -2) + found.transpose(-3, -1)
        found = found + found.transpose(-2, -1)
        return found + found.transpose(-3, -2) + found.transpose(-3, -1)


class Quadruple(ABC):
    """A fourth cumulant in factors."""

    @abstractmethod
    def slices(self, m: Matrices, e: Entries) -> tuple[Tensor, Tensor]:
        """[a, b] -> K_aabb and [a, b] -> K_aaab, both with K_aaaa on the diagonal."""

    def bent(self, m: Matrices, e: Entries) -> list[tuple[Tensor, int, int]]:
        """K_aabc as a sum of triples (X, y, z), X at the repeated index: 3 placements where y = z, else 6.

        What of it has a factor that is small or missing is left out: the part of `Star` with z z at the repeated index.
        """
        del m, e
        return []


@dataclass(frozen=True)
class Power(Quadruple):
    """sum_r h_r z z z z: independent variables, each with a fourth cumulant."""

    z: int
    h: Tensor

    def slices(self, m: Matrices, e: Entries) -> tuple[Tensor, Tensor]:
        """K_aabb and K_aaab."""
        squares = m[self.z] * m[self.z]
        weighted = squares * e.columns(self.h)
        return e.product(weighted, e.transpose(squares)), e.product(weighted * m[self.z], e.transpose(m[self.z]))

    def bent(self, m: Matrices, e: Entries) -> list[tuple[Tensor, int, int]]:
        """K_aabc as triples."""
        return [(m[self.z] * m[self.z] * e.columns(self.h), self.z, self.z)]


@dataclass(frozen=True)
class Rows(Quadruple):
    """Fourth cumulants of data: mean of z z z z over the columns minus the three pairings of their covariances."""

    z: int

    def slices(self, m: Matrices, e: Entries) -> tuple[Tensor, Tensor]:
        """K_aabb and K_aaab."""
        z = m[self.z]
        share, squares = 1.0 / z.shape[-1], z * z
        cov = share * e.product(z, e.transpose(z))
        variance = e.diagonal(cov)
        aabb = share * e.product(squares, e.transpose(squares))
        aaab = share * e.product(squares * z, e.transpose(z)) - 3.0 * e.rows(variance) * cov
        return aabb - e.rows(variance) * e.columns(variance) - 2.0 * cov.square(), aaab


@dataclass(frozen=True)
class Pairing(Quadruple):
    """sum_rs k_rs z_r z_r z_s z_s over the three pairings of the indices.

    Args:
        z: Number of the matrix.
        k: The coefficients.
        own: Their diagonal, where it is not to be read off them: equal columns are counted in k, r = s only here.
    """

    z: int
    k: Tensor
    own: Tensor | None = None

    def slices(self, m: Matrices, e: Entries) -> tuple[Tensor, Tensor]:
        """K_aabb and K_aaab."""
        z = m[self.z]
        squares = z * z
        reach = e.product(squares, self.k)
        both = reach + 2.0 * squares * e.columns(e.diagonal(self.k) if self.own is None else self.own)
        aabb = e.product(both, e.transpose(squares))
        aaab = 3.0 * e.product(reach * z, e.transpose(z))
        return e.with_diagonal(aabb, e.diagonal(aaab)), aaab

    def bent(self, m: Matrices, e: Entries) -> list[tuple[Tensor, int, int]]:
        """K_aabc as triples."""
        return [(e.product(m[self.z] * m[self.z], self.k), self.z, self.z)]


@dataclass(frozen=True)
class Edge(Quadruple):
    """sum_r h_r z z y y over the six placements."""

    z: int
    y: int
    h: Tensor

    def slices(self, m: Matrices, e: Entries) -> tuple[Tensor, Tensor]:
        """K_aabb and K_aaab."""
        z, y = m[self.z], m[self.y]
        hz, hy, zy = z * e.columns(self.h), y * e.columns(self.h), z * y
        half = e.product(hz * z, e.transpose(y * y))
        aabb = half + e.transpose(half) + 4.0 * e.product(zy * e.columns(self.h), e.transpose(zy))
        aaab = 3.0 * (e.product(zy * z, e.transpose(hy)) + e.product(zy * y, e.transpose(hz)))
        return aabb, aaab

    def bent(self, m: Matrices, e: Entries) -> list[tuple[Tensor, int, int]]:
        """K_aabc as triples."""
        z, y, h = m[self.z], m[self.y], e.columns(self.h)
        return [(z * z * h, self.y, self.y), (y * y * h, self.z, self.z), (2.0 * z * y * h, self.z, self.y)]


@dataclass(frozen=True)
class Star(Quadruple):
    """sum_r w_r v z z z over the four placements; w are ones if left out."""

    z: int
    v: int
    weight: Tensor | None = None

    def slices(self, m: Matrices, e: Entries) -> tuple[Tensor, Tensor]:
        """K_aabb and K_aaab."""
        z = m[self.z]
        v = m[self.v] if self.weight is None else m[self.v] * e.columns(self.weight)
        half = e.product(v * z, e.transpose(z * z))
        aaab = e.product(z * z * z, e.transpose(v)) + 3.0 * e.product(v * z * z, e.transpose(z))
        return 2.0 * (half + e.transpose(half)), aaab

    def bent(self, m: Matrices, e: Entries) -> list[tuple[Tensor, int, int]]:
        """K_aabc as triples."""
        v = m[self.v] if self.weight is None else m[self.v] * e.columns(self.weight)
        return [(2.0 * v * m[self.z], self.z, self.z)]


@dataclass(frozen=True)
class Path(Quadruple):
    """sum_rs k_rs y_r z_r z_s y_s over the twelve placements; k is symmetric with a zero diagonal."""

    z: int
    y: int
    k: Tensor

    def slices(self, m: Matrices, e: Entries) -> tuple[Tensor, Tensor]:
        """K_aabb and K_aaab."""
        z, y = m[self.z], m[self.y]
        u = z * y
        v = e.product(u, self.k)
        aabb = 4.0 * e.product(v, e.transpose(u))
        aaab = 6.0 * (e.product(v * z, e.transpose(y)) + e.product(v * y, e.transpose(z)))
        return e.with_diagonal(aabb, e.diagonal(aaab)), aaab


@dataclass(frozen=True)
class Repeat(Quadruple):
    """sum_rs k_rs z_r z_r z_s y_s over the twelve placements."""

    z: int
    y: int
    k: Tensor

    def slices(self, m: Matrices, e: Entries) -> tuple[Tensor, Tensor]:
        """K_aabb and K_aaab."""
        z, y = m[self.z], m[self.y]
        u = z * y
        a = e.product(z * z, self.k)
        half = e.product(a, e.transpose(u))
        back = e.product(u, e.transpose(self.k))
        aaab = 3.0 * (e.product(a * z, e.transpose(y)) + e.product(a * y, e.transpose(z)))
        aaab = aaab + 6.0 * e.product(back * z, e.transpose(z))
        return e.with_diagonal(2.0 * (half + e.transpose(half)), e.diagonal(aaab)), aaab


@dataclass(frozen=True)
class Factors:
    """Third and fourth cumulants of a vector in factors.

    Args:
        matrices: The matrices, (*batch, units, R); None stands for the unit matrix.
        thirds: What the third cumulants are the sum of.
        fourths: What the fourth cumulants are the sum of.
        fresh: How many of the fourths were there before the last activation.

    Example:
        >>> Factors((None,), (Triple(0, 0, 0),)).filled(torch.ones(2), Entries()).slices(torch.eye(2), Entries())[0]
        tensor([[3., 0.],
                [0., 3.]])
    """

    matrices: tuple[Tensor | None, ...] = ()
    thirds: tuple[Triple, ...] = ()
    fourths: tuple[Quadruple, ...] = ()
    fresh: int = 0

    def filled(self, like: Tensor, e: Entries) -> Factors:
        """The same with unit matrices written out; `like` is a vector of their size."""
        if all(matrix is not None for matrix in self.matrices):
            return self
        return self.each(lambda matrix: e.identity(like) if matrix is None else matrix)

    def each(self, change: Callable[[Tensor | None], Tensor]) -> Factors:
        """The same with every matrix changed."""
        return Factors(tuple(change(matrix) for matrix in self.matrices), self.thirds, self.fourths, self.fresh)

    @property
    def written(self) -> Matrices:
        """The matrices, where none stands for the unit matrix."""
        return tuple(matrix for matrix in self.matrices if matrix is not None)

    def slices(self, like: Tensor, e: Entries) -> tuple[Tensor, Tensor, Tensor]:
        """K_iij, K_iijj and K_iiij; `like` is a matrix of their shape."""
        m = self.written
        aab, aabb, aaab = torch.zeros_like(like), torch.zeros_like(like), torch.zeros_like(like)
        for third in self.thirds:
            aab = aab + third.aab(m, e)
        for fourth in self.fourths:
            two, three = fourth.slices(m, e)
            aabb, aaab = aabb + two, aaab + three
        return aab, aabb, aaab

    def third(self, like: Tensor) -> Tensor:
        """The third cumulants, dense; `like` is the covariance."""
        total = like.new_zeros(*like.shape, like.shape[-1])
        for third in self.thirds:
            total = total + third.dense(self.written)
        return total
