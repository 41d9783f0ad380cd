"""Orthogonal Procrustes: the rotation that brings one frame nearest to another, and its derivative."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.constants import TINY_SINGLE


def nearest_orthogonal(matrix: Float[Tensor, "*batch n n"]) -> Float[Tensor, "*batch n n"]:
    """The orthogonal matrix R with the greatest tr(matrix^T R): U V^T of its singular vectors.

    Example:
        >>> nearest_orthogonal(torch.tensor([[0.0, -2.0], [3.0, 0.0]])).round()
        tensor([[ 0., -1.],
                [ 1.,  0.]])
    """
    u, _, vh = torch.linalg.svd(matrix)
    turned: Tensor = u @ vh
    return turned


def align_frame(
    frame: Float[Tensor, "*batch q k"], reference: Float[Tensor, "*batch q k"]
) -> Float[Tensor, "*batch q k"]:
    """The columns of a frame turned among themselves so that they lie nearest to those of a reference.

    Signs, the order of the columns and rotations inside their span are all matched at once. What comes out depends on
    the span of the frame alone, wherever no direction of it is orthogonal to the reference's.

    Args:
        frame: Orthonormal columns.
        reference: As many columns.

    Source: Schoenemann, A generalized solution of the orthogonal Procrustes problem, Psychometrika 31 (1966).

    Example:
        >>> frame = torch.eye(3)[:, :2]
        >>> bool(torch.equal(align_frame(frame @ torch.tensor([[0.0, -1.0], [1.0, 0.0]]), frame), frame))
        True
    """
    return frame @ nearest_orthogonal(frame.mT @ reference)


def polar_factor(matrix: Float[Tensor, "*batch n k"]) -> Float[Tensor, "*batch n k"]:
    """The nearest matrix with orthonormal columns, with the derivative that it has wherever the columns span.

    Autograd through singular vectors divides by differences of singular values, which all but vanish for matrices near
    an orthogonal one. The polar factor's own derivative divides by their sums.

    Args:
        matrix: At least as many rows as columns.

    Example:
        >>> matrix = torch.eye(2, dtype=torch.float64, requires_grad=True)
        >>> polar_factor(matrix)[0, 1].backward()
        >>> matrix.grad.tolist()
        [[0.0, 0.5], [-0.5, 0.0]]
    """
    found: Tensor = _Polar.apply(matrix)
    return found


class _Polar(torch.autograd.Function):
    """U V^T of the singular vectors."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        u, sizes, vh = torch.linalg.svd(matrix, full_matrices=False)
        factor: Tensor = u @ vh
        ctx.save_for_backward(factor, sizes, vh)
        return factor

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        factor, sizes, vh = ctx.saved_tensors
        sizes = sizes.clamp(min=TINY_SINGLE)
        inside = factor.mT @ grad
        turned = vh @ inside @ vh.mT / (sizes.unsqueeze(-1) + sizes.unsqueeze(-2))
        outside = (grad - factor @ inside) @ vh.mT / sizes.unsqueeze(-2)
        return (factor @ vh.mT @ (turned - turned.mT) + outside) @ vh  # type: ignore[no-any-return]


def orthonormal(matrix: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Gram-Schmidt: the columns' span with each column on the side that it was on.

    Example:
        >>> orthonormal(torch.tensor([[2.0, 1.0], [0.0, -3.0]])).abs().tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    q, r = torch.linalg.qr(matrix)
    signs: Tensor = torch.where(r.diagonal(dim1=-2, dim2=-1) < 0, -1.0, 1.0).to(q)
    return q * signs.unsqueeze(-2)  # type: ignore[no-any-return]
