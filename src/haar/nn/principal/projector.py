"""The projector on the leading eigenvectors: it does not see their signs and rotations, and neither does its gradient.

Eigenvectors of equal eigenvalues have no derivative, but the projector on them together has: only the gaps between
kept and dropped eigenvalues enter it. Autograd through `eigh` divides by the gaps inside the kept space as well: it
gives NaN at exact ties, and wrong numbers at those that rounding has split.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ShapeError, check_count

#: Smallest gap between a kept and a dropped eigenvalue that is divided by, relative to the largest: below it the kept
#: space itself is undetermined, and the derivative has no finite value.
CUT_GAP = 1e-12


def principal_projector(matrix: Float[Tensor, "q q"], k: int) -> Float[Tensor, "q q"]:
    """The projector on the k leading eigenvectors of a symmetric matrix, with a derivative that ties do not spoil.

    The rule is dP = sum over kept i and dropped j of (v_i v_j^T + v_j v_i^T) (v_j^T dC v_i) / (lambda_i - lambda_j).

    Args:
        matrix: Symmetric.
        k: How many eigenvectors are kept.

    Raises:
        ShapeError: If the matrix is smaller than k.
        ArgumentError: If k is no positive whole number.

    Example:
        >>> tied = torch.eye(3, dtype=torch.float64)
        >>> tied[2, 2] = 0.5
        >>> tied.requires_grad_()
        tensor(...)
        >>> principal_projector(tied, 2)[0, 2].backward()
        >>> tied.grad[0].tolist()
        [0.0, 0.0, 1.0]
    """
    check_count("k", k)
    if k > matrix.shape[-1]:
        raise ShapeError("matrix", expected=f"at least {k} x {k}", got=tuple(matrix.shape))
    return projected(matrix, torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device), k)[0]


def projected(
    matrix: Float[Tensor, "q q"], onto: Float[Tensor, "q m"], k: int
) -> tuple[Float[Tensor, "q m"], Float[Tensor, " q"], Float[Tensor, "q k"]]:
    """P `onto` for the projector P on the k leading eigenvectors; all eigenvalues, falling, and those eigenvectors.

    Args:
        matrix: Symmetric; derivatives go to it from the first output alone.
        onto: What is projected; a constant.
        k: How many eigenvectors are kept.
    """
    found = _Projected.apply(matrix, onto.detach(), k)
    return found[0], found[1], found[2]


class _Projected(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor, onto: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        rising, vectors = torch.linalg.eigh(matrix)
        eigenvalues, vectors = rising.flip(-1), vectors.flip(-1)
        kept = vectors[:, :k].clone()
        ctx.save_for_backward(eigenvalues, vectors, onto)
        ctx.k = k
        ctx.mark_non_differentiable(eigenvalues, kept)
        return kept @ (kept.mT @ onto), eigenvalues, kept

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor, None, None]:
        eigenvalues, vectors, onto = ctx.saved_tensors
        kept, dropped = vectors[:, : ctx.k], vectors[:, ctx.k :]
        gaps = eigenvalues[: ctx.k] - eigenvalues[ctx.k :, None]
        determined = gaps > CUT_GAP * eigenvalues.abs().amax()
        both = (dropped.mT @ grad) @ (onto.mT @ kept) + (dropped.mT @ onto) @ (grad.mT @ kept)
        turned = torch.where(determined, both / torch.where(determined, gaps, 1), 0)
        back = dropped @ turned @ kept.mT
        return (back + back.mT) / 2, None, None
