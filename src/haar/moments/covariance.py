"""Laws are checked where they are stated: real finite numbers, and covariances that some law has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError


def covariance(
    matrix: Float[Tensor, "*batch units units"], name: str, precision: torch.dtype = torch.float64
) -> Float[Tensor, "*batch units units"]:
    """A matrix that is the covariance of something: symmetric, no negative eigenvalue, no NaN.

    Args:
        matrix: What was given, in float64.
        name: The argument's name.
        precision: In which it was computed: rounding may leave a singular matrix slightly negative.

    Raises:
        ArgumentError: If it is none.

    Example:
        >>> covariance(torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=torch.float64), "cov")
        Traceback (most recent call last):
        haar.errors.ArgumentError: cov: expected a covariance, got smallest eigenvalue -1; no law has it
    """
    found = symmetric(matrix, name, precision)
    plain = found.detach()
    check_variances(plain.diagonal(dim1=-2, dim2=-1), name)
    top = plain.diagonal(dim1=-2, dim2=-1).amax(-1)
    ridge = slack(plain.shape[-1], precision) * top + torch.finfo(torch.float64).tiny
    shifted = plain + torch.diag_embed(ridge[..., None].expand(plain.shape[:-1]))
    if bool(torch.linalg.cholesky_ex(shifted).info.any()):
        lowest = torch.linalg.eigvalsh(plain)[..., 0]
        if bool((lowest < -ridge).any()):
            raise ArgumentError(
                name,
                expected="a covariance",
                got=f"smallest eigenvalue {float(lowest.min()):.3g}",
                way_out="no law has it",
            )
    return found


def symmetric(
    matrix: Float[Tensor, "*batch units units"], name: str, precision: torch.dtype = torch.float64
) -> Float[Tensor, "*batch units units"]:
    """A matrix that is symmetric up to rounding, made so.

    Raises:
        ArgumentError: If it is not, or not finite.

    Example:
        >>> symmetric(torch.eye(2), "cov").shape
        torch.Size([2, 2])
    """
    plain = matrix.detach()
    if not bool(plain.isfinite().all()):
        raise ArgumentError(name, expected="finite entries", got="NaN or infinity")
    gap = float((plain - plain.mT).abs().max()) if plain.numel() else 0.0
    if gap > max(1e-8, 8 * torch.finfo(precision).eps) * float(plain.abs().max()):
        raise ArgumentError(name, expected="a symmetric matrix", got=f"asymmetry {gap:.3g}")
    return 0.5 * (matrix + matrix.mT) if gap else matrix


def check_variances(values: Float[Tensor, "*shape"], name: str) -> None:
    """Variances are finite and not negative.

    Raises:
        ArgumentError: If one is not.

    Example:
        >>> check_variances(torch.ones(2), "cov")
    """
    plain = values.detach()
    if not bool(((plain >= 0) & plain.isfinite()).all()):
        raise ArgumentError(name, expected="finite entries and variances >= 0", got=float(plain.min()))


def slack(size: int, precision: torch.dtype) -> float:
    """How far rounding may push an eigenvalue below zero, relative to the largest entry.

    Numbers in double precision may have been computed in single precision before.

    Example:
        >>> slack(4, torch.float64) < 1e-6 < slack(4, torch.bfloat16)
        True
    """
    single = min(1e-5, size * torch.finfo(torch.float32).eps)
    return max(single, size * torch.finfo(precision).eps)


def precision_of(value: Any) -> torch.dtype:
    """The precision in which numbers were given; what is no tensor counts as float64.

    Example:
        >>> precision_of(1.0), precision_of(torch.zeros(1))
        (torch.float64, torch.float32)
    """
    return value.dtype if isinstance(value, Tensor) and value.is_floating_point() else torch.float64


def in_float64(value: Any, name: str) -> Tensor:
    """A tensor in float64; numbers are read in float64 and never pass through float32.

    Raises:
        ArgumentError: If they are not real numbers.

    Example:
        >>> in_float64(1, "cov").dtype
        torch.float64
    """
    if isinstance(value, Tensor) and not value.is_complex():
        return value.to(torch.float64)
    if isinstance(value, Tensor):
        raise ArgumentError(name, expected="real numbers", got=str(value.dtype))
    try:
        return torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(name, expected="real numbers", got=str(error).splitlines()[0]) from error


def vector(
    value: Tensor | Sequence[float | int] | Sequence[Sequence[float | int]], name: str
) -> Float[Tensor, "*batch units"]:
    """A finite vector in float64, or one for every entry of leading axes.

    Raises:
        ShapeError: If it has no unit.
        ArgumentError: If a number is not finite.

    Example:
        >>> vector([1, 2], "mean").tolist()
        [1.0, 2.0]
    """
    found = in_float64(value, name)
    if found.ndim < 1 or not found.shape[-1]:
        raise ShapeError(
            name, expected="at least one axis: (units,) or (*batch, units), units >= 1", got=tuple(found.shape)
        )
    if not bool(torch.isfinite(found.detach()).all()):
        raise ArgumentError(name, expected="finite numbers", got="NaN or infinity")
    return found
