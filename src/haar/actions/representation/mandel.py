"""Symmetric tensors of second order in Mandel's coordinates: A -> Q A Q^T as an orthogonal matrix."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from haar.actions.representation.representation import Representation, check_representation
from haar.errors import ArgumentError, ShapeError
from haar.groups import Subgroup

#: Rows and columns of the components: Mandel's order in the plane and in space.
_PAIRS = {2: ((0, 0), (1, 1), (0, 1)), 3: ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))}


class Mandel(Representation):
    """How a group turns symmetric tensors A, in the coordinates (A11, A22, A33, r A23, r A13, r A12) with r = sqrt 2.

    In the plane they are (A11, A22, r A12). The inner product of coordinates is A : B, so that the matrices are
    orthogonal. An inversion of space does nothing.

    Args:
        space: How the group turns vectors of the plane or of space.

    Raises:
        ArgumentError: If that has neither two nor three dimensions.

    Example:
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import SO
        >>> Mandel(Defining(SO(3))).dim
        6

    Source: Mandel, Int. J. Solids Structures 1 (1965) 273.
    """

    def __init__(self, space: Representation) -> None:
        check_representation("space", space)
        if space.dim not in _PAIRS:
            raise ArgumentError("space", expected="vectors of the plane or of space", got=f"{space.dim} dimensions")
        self.space, self.group, self.dim, self.name = space, space.group, len(_PAIRS[space.dim]), "symmetric tensors"

    @property
    def is_signed_permutation(self) -> bool:
        """Whether vectors are only permuted and signed."""
        return self.space.is_signed_permutation

    @property
    def degree(self) -> int | None:
        """Twice that of vectors."""
        return None if self.space.degree is None else 2 * self.space.degree

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch n n"]:
        """Matrices of a batch of elements."""
        return mandel_rotation(self.space.matrix(g))

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Read off the matrices."""
        if not self.is_signed_permutation:
            return super().signed_permutation(g)
        matrix = self.matrix(g)
        index = matrix.abs().argmax(-1)
        return index, matrix.gather(-1, index.unsqueeze(-1)).squeeze(-1).round().long()

    def _restricted(self, subgroup: Subgroup) -> Representation:
        return Mandel(self.space.restrict(subgroup))


def mandel_rotation(Q: Float[Tensor, "*batch d d"]) -> Float[Tensor, "*batch n n"]:
    """The matrices R(Q) that turn Mandel's coordinates as A -> Q A Q^T turns tensors.

    Args:
        Q: Matrices of the plane or of space; orthogonal ones give orthogonal ones.

    Raises:
        ShapeError: If they are not 2 x 2 or 3 x 3.

    Example:
        >>> import torch
        >>> bool((mandel_rotation(-torch.eye(3)) == torch.eye(6)).all())
        True
    """
    pairs = torch.tensor(_pairs(Q, "Q"), device=Q.device)
    i, j = pairs[:, None, 0], pairs[:, None, 1]
    k, l = pairs[None, :, 0], pairs[None, :, 1]
    both = Q[..., i, k] * Q[..., j, l] + torch.where(
        k != l, Q[..., i, l] * Q[..., j, k], torch.zeros_like(Q[..., i, k])
    )
    scale = torch.tensor([1.0 if i == j else math.sqrt(2) for i, j in pairs.tolist()], dtype=Q.dtype, device=Q.device)
    rotation: Tensor = both * (scale[:, None] / scale[None, :])
    return rotation


def to_mandel(A: Inexact[Tensor, "*batch d d"]) -> Inexact[Tensor, "*batch n"]:
    """Mandel's coordinates of symmetric tensors; of others, those of their symmetric part.

    Raises:
        ShapeError: If they are not 2 x 2 or 3 x 3.

    Example:
        >>> import torch
        >>> to_mandel(torch.tensor([[1.0, 0.5], [0.5, 2.0]])).tolist()
        [1.0, 2.0, 0.7071067690849304]
    """
    half = math.sqrt(0.5)
    parts = [A[..., i, i] if i == j else half * (A[..., i, j] + A[..., j, i]) for i, j in _pairs(A, "A")]
    return torch.stack(parts, -1)


def from_mandel(x: Inexact[Tensor, "*batch n"]) -> Inexact[Tensor, "*batch d d"]:
    """The symmetric tensors of Mandel's coordinates.

    Raises:
        ShapeError: If there are neither 3 nor 6 of them.

    Example:
        >>> import torch
        >>> from_mandel(to_mandel(torch.eye(3))).diagonal().tolist()
        [1.0, 1.0, 1.0]
    """
    d = {3: 2, 6: 3}.get(x.shape[-1] if x.ndim else 0)
    if d is None:
        raise ShapeError("x", expected="3 or 6 coordinates on the last axis", got=tuple(x.shape))
    place = {pair: k for k, pair in enumerate(_PAIRS[d])}
    half = math.sqrt(0.5)
    entries = [x[..., place[(min(i, j), max(i, j))]] * (1.0 if i == j else half) for i in range(d) for j in range(d)]
    tensors: Tensor = torch.stack(entries, -1).unflatten(-1, (d, d))
    return tensors


def _pairs(A: Tensor, argument: str) -> tuple[tuple[int, int], ...]:
    if A.ndim < 2 or A.shape[-1] != A.shape[-2] or A.shape[-1] not in _PAIRS:
        raise ShapeError(argument, expected="matrices 2 x 2 or 3 x 3 on the last axes", got=tuple(A.shape))
    return _PAIRS[A.shape[-1]]
