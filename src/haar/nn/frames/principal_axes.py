"""Principal axes of clouds: centroid, covariance, eigenvectors, and derivatives that stay finite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError

#: Smallest relative gap of eigenvalues that is trusted, for inputs of each precision.
TRUSTED_GAP = {torch.float64: 1e-6, torch.float32: 1e-3}


@dataclass(frozen=True)
class PrincipalAxes:
    """The frame of every cloud.

    Attributes:
        centre: Centroids ``(batch, 1, d)``, float64.
        eigenvalues: Of the covariance, falling, ``(batch, d)``, float64.
        axes: Eigenvectors in columns ``(batch, d, d)``, float64; their signs are whatever the solver returned.
        coordinates: The centred positions and the further vectors along the axes, ``(batch, n, d)`` each, float64.
    """

    centre: Float[Tensor, "batch 1 d"]
    eigenvalues: Float[Tensor, "batch d"]
    axes: Float[Tensor, "batch d d"]
    coordinates: tuple[Float[Tensor, "batch n d"], ...]


def principal_axes(
    inputs: Sequence[Float[Tensor, "batch n d"]],
    *,
    mask: Bool[Tensor, "batch n"] | None = None,
    weights: Sequence[float | int] = (1.0,),
    differentiable: bool = False,
    tol: float = 1e-6,
) -> PrincipalAxes:
    """Diagonalise C = sum over inputs of w X^T X / n, in float64; positions are centred, other vectors are not.

    Args:
        inputs: Positions, then further vectors of the same points.
        mask: Which rows hold a point.
        weights: Of each input in C; inputs without one do not enter.
        differentiable: Whether derivatives go through the eigenvectors. Terms 1 / gap are left out where the relative
            gap is below `tol`, so that derivatives are finite for every cloud.
        tol: See `differentiable`.

    Raises:
        ShapeError: If inputs differ in shape.
        ArgumentError: If an input is not finite or not in float32 or float64, or weights do not fit.

    Example:
        >>> square = torch.tensor([[[1.0, 0], [-1, 0], [0, 2], [0, -2]]])
        >>> principal_axes([square]).eigenvalues.tolist()
        [[2.0, 0.5]]
    """
    checked = _checked(inputs, mask)
    if len(weights) > len(inputs) or min(weights, default=-1) < 0 or max(weights) <= 0:
        raise ArgumentError(
            "weights", expected=f"1 to {len(inputs)} numbers, none negative, one positive", got=tuple(weights)
        )
    n = checked[0].shape[-2]
    count: Tensor | int = max(n, 1) if mask is None else mask.sum(-1)[:, None, None].clamp(min=1)
    sums = [x.sum(-2, keepdim=True) for x in checked]
    _check_finite(sums)
    centre = sums[0] / count
    centred = checked[0] - centre
    if mask is not None:
        centred = torch.where(mask.unsqueeze(-1), centred, 0)
    parts = [centred, *checked[1:]]
    with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
        # A frame that is held fixed still moves with the cloud: only its axes are constants for the derivative.
        held = parts if differentiable else [x.detach() for x in parts]
        # Solvers return rising eigenvalues: those of -C are the falling ones of C, and nothing has to be turned round.
        terms = [(x.transpose(-1, -2) @ x) * (-w / count) for w, x in zip(weights, held, strict=False) if w > 0]
        negative = sum(terms[1:], terms[0])
        eigenvalues, axes = _Eigenvectors.apply(negative, tol) if differentiable else _eigh(negative)
    return PrincipalAxes(centre, eigenvalues, axes, tuple(x @ axes for x in parts))


def _checked(inputs: Sequence[Tensor], mask: Tensor | None) -> list[Tensor]:
    """The inputs in float64, 0 where no point is."""
    found = []
    for number, x in enumerate(inputs):
        name = "x" if number == 0 else f"vectors[{number - 1}]"
        if x.shape != inputs[0].shape or x.ndim != 3 or x.shape[-1] < 1:
            raise ShapeError(name, expected=f"(batch, n, d), here {tuple(inputs[0].shape)}", got=tuple(x.shape))
        if x.dtype not in TRUSTED_GAP:
            raise ArgumentError(
                name,
                expected="float32 or float64",
                got=str(x.dtype).removeprefix("torch."),
                way_out="principal axes of rounded points are not those of the points: convert with .float()",
            )
        kept = x if mask is None else torch.where(mask.unsqueeze(-1), x, 0)
        found.append(kept.to(torch.float64))
    return found


def _check_finite(sums: Sequence[Tensor]) -> None:
    """NaN and infinity show in the sums over points, which are wanted anyway."""
    for number, total in enumerate(sums):
        if not bool(torch.isfinite(total.detach()).all()):
            name = "x" if number == 0 else f"vectors[{number - 1}]"
            raise ArgumentError(name, expected="finite coordinates", got="NaN or infinity")


def _eigh(negative: Tensor) -> tuple[Tensor, Tensor]:
    """Falling eigenvalues of C, from -C; rounding does not make them negative."""
    eigenvalues, axes = torch.linalg.eigh(negative)
    return (0 - eigenvalues).clamp(min=0), axes


class _Eigenvectors(torch.autograd.Function):
    """`eigh` whose derivative leaves out what close eigenvalues divide by."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, matrix: Tensor, tol: float) -> tuple[Tensor, Tensor]:
        eigenvalues, axes = _eigh(matrix)
        ctx.save_for_backward(eigenvalues, axes)
        ctx.tol = tol  # type: ignore[attr-defined]
        return eigenvalues, axes

    @staticmethod
    def backward(  # type: ignore[override]
        ctx: torch.autograd.function.FunctionCtx, values_grad: Tensor, axes_grad: Tensor
    ) -> tuple[Tensor, None]:
        eigenvalues, axes = ctx.saved_tensors  # type: ignore[attr-defined]
        gaps = eigenvalues.unsqueeze(-2) - eigenvalues.unsqueeze(-1)
        trusted = gaps.abs() > ctx.tol * eigenvalues[..., :1, None]  # type: ignore[attr-defined]
        turned = axes.transpose(-1, -2) @ axes_grad
        inner = torch.where(trusted, turned / torch.where(trusted, gaps, 1), 0) + torch.diag_embed(values_grad)
        back = axes @ inner @ axes.transpose(-1, -2)
        return (back + back.transpose(-1, -2)) / -2, None  # by -C
