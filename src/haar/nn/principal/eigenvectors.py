"""Eigenvectors of positive semidefinite matrices, whose derivatives stay finite where eigenvalues meet."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import formerly


@formerly(tol="tolerance")
def eigenvectors(
    matrix: Float[Tensor, "*batch d d"], *, tolerance: float | None = 1e-6
) -> tuple[Float[Tensor, "*batch d"], Float[Tensor, "*batch d d"]]:
    """Eigenvalues, falling and not below 0, and eigenvectors in columns, with whatever signs the solver returns.

    Derivatives of eigenvectors divide by gaps of eigenvalues: terms whose gap is below `tolerance` times the largest
    eigenvalue are left out, so that derivatives are finite for every matrix.

    Args:
        matrix: Symmetric, positive semidefinite up to rounding.
        tolerance: Smallest relative gap that is divided by; None for the solver's own derivatives.

    Example:
        >>> values, vectors = eigenvectors(torch.diag(torch.tensor([1.0, 4.0])))
        >>> values.tolist(), vectors.abs().tolist()
        ([4.0, 1.0], [[0.0, 1.0], [1.0, 0.0]])
        >>> same = torch.eye(2, requires_grad=True)
        >>> eigenvectors(same)[1].sum().backward()
        >>> same.grad.tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """
    if tolerance is None:
        return _eigh(matrix)
    values, vectors = _Eigenvectors.apply(matrix, tolerance)
    return values, vectors


def _eigh(matrix: Tensor) -> tuple[Tensor, Tensor]:
    # Solvers return rising eigenvalues: those of -C are the falling ones of C, and nothing has to be turned round.
    eigenvalues, axes = torch.linalg.eigh(-matrix)
    return (0 - eigenvalues).clamp(min=0), axes


class _Eigenvectors(torch.autograd.Function):
    """`eigh` whose derivative leaves out what close eigenvalues divide by."""

    generate_vmap_rule = True

    @staticmethod
    def forward(matrix: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
        del tolerance
        return _eigh(matrix)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(*output)
        ctx.save_for_forward(*output)
        ctx.tolerance = inputs[1]

    @staticmethod
    def backward(ctx: Any, values_grad: Tensor, axes_grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        eigenvalues, axes = ctx.saved_tensors
        turned = axes.transpose(-1, -2) @ axes_grad
        inner = _over_gaps(turned, eigenvalues, ctx.tolerance) + torch.diag_embed(values_grad)
        back = axes @ inner @ axes.transpose(-1, -2)
        return (back + back.transpose(-1, -2)) / 2, None

    @staticmethod
    def jvp(ctx: Any, matrix_step: Tensor, _: None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        eigenvalues, axes = ctx.saved_tensors
        turned = axes.transpose(-1, -2) @ matrix_step @ axes
        return turned.diagonal(dim1=-2, dim2=-1), axes @ _over_gaps(turned, eigenvalues, ctx.tolerance)


def _over_gaps(turned: Tensor, eigenvalues: Tensor, tolerance: float) -> Tensor:
    """Entry (a, b) over lambda_b - lambda_a, 0 where that is not trusted."""
    gaps = eigenvalues.unsqueeze(-2) - eigenvalues.unsqueeze(-1)
    trusted = gaps.abs() > tolerance * eigenvalues[..., :1, None]
    return torch.where(trusted, turned / torch.where(trusted, gaps, 1), 0)
