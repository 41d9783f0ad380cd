"""Which eigenvalues are equal: clusters by gaps, never by rounding."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, ShapeError, formerly


@formerly(tol="tolerance")
def eigenspaces(
    eigenvalues: Float[Tensor, "*batch k"],
    *,
    tolerance: float | int = 1e-8,
    scale: Float[Tensor, " *batch"] | None = None,
) -> Int[Tensor, "*batch k"]:
    """Number the eigenspaces: neighbours whose gap is at most ``tolerance * scale`` share one.

    Rounding to some digits splits equal values that lie on two sides of a boundary and joins different ones that do
    not; a gap has no boundaries. Gaps chain: 0, 0.6, 1.2 are one eigenspace for a tolerance of 0.6.

    Args:
        eigenvalues: Sorted, rising or falling.
        tolerance: Largest gap inside an eigenspace, relative.
        scale: What gaps are compared with, one for each spectrum; by default the largest absolute eigenvalue.

    Returns:
        The number of each eigenvalue's space, from 0, in the order of the spectrum.

    Raises:
        ArgumentError: If the tolerance is negative, or eigenvalues are not finite or not sorted.
        ShapeError: If they are no tensor with an axis of eigenvalues.

    Example:
        >>> eigenspaces(torch.tensor([0.0, 1.0, 1.0, 3.0])).tolist()
        [0, 1, 1, 2]
    """
    if not tolerance >= 0:
        raise ArgumentError("tolerance", expected="0 or more", got=tolerance)
    if not isinstance(eigenvalues, Tensor) or eigenvalues.ndim < 1:
        got = tuple(eigenvalues.shape) if isinstance(eigenvalues, Tensor) else type(eigenvalues).__name__
        raise ShapeError("eigenvalues", expected="a tensor (*batch, k)", got=got)
    if eigenvalues.shape[-1] == 0:
        return torch.zeros_like(eigenvalues, dtype=torch.int64)
    if not bool(torch.isfinite(eigenvalues).all()):
        raise ArgumentError("eigenvalues", expected="finite numbers", got="NaN or infinity")
    gaps = eigenvalues.diff(dim=-1)
    if bool(((gaps > 0).any(-1) & (gaps < 0).any(-1)).any()):
        raise ArgumentError("eigenvalues", expected="sorted values, rising or falling", got="unsorted ones")
    size = eigenvalues.abs().amax(-1) if scale is None else scale
    apart = gaps.abs() > tolerance * size.unsqueeze(-1)
    first = torch.zeros_like(eigenvalues[..., :1], dtype=torch.int64)
    return torch.cat([first, apart.cumsum(-1)], -1)


def multiplicities(spaces: Int[Tensor, " k"]) -> tuple[int, ...]:
    """How many columns each eigenspace of one spectrum has.

    Example:
        >>> multiplicities(torch.tensor([0, 1, 1, 2]))
        (1, 2, 1)
    """
    return tuple(int(count) for count in torch.unique_consecutive(spaces, return_counts=True)[1])
