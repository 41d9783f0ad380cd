"""Principal axes of clouds: centroid, covariance, eigenvectors, and derivatives that stay finite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError, formerly
from haar.nn.principal.eigenvectors import eigenvectors

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
        distance: Of the centroid from the origin, in radii of the cloud, at least 1: coordinates are rounded in
            proportion to their size, so that far from the origin less is known of the shape.
    """

    centre: Float[Tensor, "batch 1 d"]
    eigenvalues: Float[Tensor, "batch d"]
    axes: Float[Tensor, "batch d d"]
    coordinates: tuple[Float[Tensor, "batch n d"], ...]
    distance: Float[Tensor, " batch"]


@formerly(tol="tolerance")
def principal_axes(
    inputs: Sequence[Float[Tensor, "batch n d"]],
    *,
    mask: Bool[Tensor, "batch n"] | None = None,
    weights: Sequence[float | int] = (1.0,),
    differentiable: bool = False,
    tolerance: float = 1e-6,
) -> PrincipalAxes:
    """Diagonalise C = sum over inputs of w X^T X / n, in float64; positions are centred, other vectors are not.

    Args:
        inputs: Positions, then further vectors of the same points.
        mask: Which rows hold a point.
        weights: Of each input in C; inputs without one do not enter.
        differentiable: Whether derivatives go through the eigenvectors. Terms 1 / gap are left out where the relative
            gap is below `tolerance`, so that derivatives are finite for every cloud.
        tolerance: Smallest relative gap of eigenvalues that is divided by.

    Raises:
        ShapeError: If inputs differ in shape.
        ArgumentError: If an input or its square is not finite, or not in float32 or float64, or weights do not fit.

    Example:
        >>> square = torch.tensor([[[1.0, 0], [-1, 0], [0, 2], [0, -2]]])
        >>> principal_axes([square]).eigenvalues.tolist()
        [[2.0, 0.5]]
    """
    checked = _checked(inputs, mask)
    check_weights(weights, most=len(inputs))
    n = checked[0].shape[-2]
    count: Tensor | int = max(n, 1) if mask is None else mask.sum(-1)[:, None, None].clamp(min=1)
    centre = checked[0].sum(-2, keepdim=True) / count
    centred = checked[0] - centre
    if mask is not None:
        centred = torch.where(mask.unsqueeze(-1), centred, 0)
    parts = [centred, *checked[1:]]
    with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
        # A frame that is held fixed still moves with the cloud: only its axes are constants for the derivative.
        held = parts if differentiable else [x.detach() for x in parts]
        terms = [(x.transpose(-1, -2) @ x) * (w / count) for w, x in zip(weights, held, strict=False) if w > 0]
        covariance = sum(terms[1:], terms[0])
        # The trace of C is the sum of all squares: what is not finite shows in it.
        spread = covariance.detach().diagonal(dim1=-2, dim2=-1).sum(-1)
        unused = [x for number, x in enumerate(checked) if number >= len(weights) or not weights[number]]
        _check_finite([spread, *(x.detach().sum((-1, -2)) for x in unused)], checked)
        eigenvalues, axes = eigenvectors(covariance, tolerance=tolerance if differentiable else None)
    far = centre.detach().norm(dim=-1).squeeze(-1) * math.sqrt(weights[0])
    distance = (far / spread.sqrt().clamp(min=torch.finfo(torch.float64).tiny)).clamp(1, 1e16)
    return PrincipalAxes(centre, eigenvalues, axes, tuple(x @ axes for x in parts), distance)


def check_weights(weights: Any, *, most: int | None = None) -> None:
    """Refuse what cannot weigh the inputs.

    Raises:
        ArgumentError: If there are none, or more than inputs, or one is negative or no number, or all are 0.
    """
    try:
        numbers = [float(w) for w in weights]
    except (TypeError, ValueError):
        numbers = []
    fits = numbers and all(math.isfinite(w) and w >= 0 for w in numbers) and max(numbers) > 0
    if not fits or (most is not None and len(numbers) > most):
        few = "numbers" if most is None else f"1 to {most} numbers"
        raise ArgumentError("weights", expected=f"{few}, none negative, one positive", got=repr(weights))


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


def _check_finite(sums: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
    """Say which input is not finite, or has no finite square; an exported graph cannot: there NaN comes out as NaN."""
    if torch.compiler.is_exporting() or all(bool(torch.isfinite(part).all()) for part in sums):
        return
    for number, x in enumerate(inputs):
        name = "x" if number == 0 else f"vectors[{number - 1}]"
        if not bool(torch.isfinite(x.detach()).all()):
            raise ArgumentError(name, expected="finite coordinates", got="NaN or infinity")
    raise ArgumentError(
        "x", expected="coordinates whose squares are finite", got="larger ones", way_out="use another unit of length"
    )
