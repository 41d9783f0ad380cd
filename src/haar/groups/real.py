"""Numbers that a user gives: real, finite and in float64, or refused by the name of the argument."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError


def real(argument: str, value: object) -> Float[Tensor, "*shape"]:
    """Numbers as a float64 tensor on the CPU; nothing is dropped on the way.

    Args:
        argument: Name of the argument as the caller wrote it.
        value: A tensor, an array or nested sequences of numbers.

    Raises:
        ArgumentError: If it holds no numbers, complex ones, or some that are not finite.

    Example:
        >>> real("matrix", [[1, 0.1]]).tolist()
        [[1.0, 0.1]]
    """
    found = _tensor(argument, value)
    if found.is_complex():
        raise ArgumentError(
            argument,
            expected="real numbers",
            got=str(found.dtype).removeprefix("torch."),
            way_out="write every a + ib as the real block [[a, -b], [b, a]]",
        )
    found = found.to(torch.float64)
    if not bool(found.isfinite().all()):
        raise ArgumentError(argument, expected="finite numbers", got="NaN or infinity")
    return found


def real_matrices(argument: str, values: object) -> Float[Tensor, "k d d"]:
    """Square matrices of one size as one float64 tensor, from a tensor or from a sequence of them.

    Raises:
        ArgumentError: As for `real`.
        ShapeError: If they are not square matrices of one size.
    """
    if isinstance(values, Sequence) and not isinstance(values, str) and len(values):
        parts = [real(argument, value) for value in values]
        if any(part.shape != parts[0].shape for part in parts):
            raise ShapeError(argument, expected="matrices of one size", got=[tuple(part.shape) for part in parts])
        found = torch.stack(parts)
    else:
        found = real(argument, values)
    if found.ndim != 3 or found.shape[1] != found.shape[2]:
        raise ShapeError(argument, expected="square matrices (k, d, d)", got=tuple(found.shape))
    return found


def precision(values: object) -> float:
    """The coarsest relative rounding among some numbers, by their dtype, or by their digits where these are fewer.

    Integers, numbers of few digits such as 0.5, and numbers in double precision that are none of single precision, have
    that of float64.

    Example:
        >>> precision(torch.tensor([0.1])) == precision(torch.tensor([0.1]).double()) == torch.finfo(torch.float32).eps
        True
    """
    if isinstance(values, (list, tuple)) and len(values):
        return max(precision(value) for value in values)
    found = _tensor("values", values)
    exact, double = found.to(torch.float64), torch.finfo(torch.float64).eps
    wide = found.dtype in (torch.float64, torch.float32)
    few_digits = wide and torch.equal(exact.to(torch.bfloat16).to(torch.float64), exact)
    if not found.dtype.is_floating_point or few_digits or torch.equal(exact.round(), exact):
        return double
    if found.dtype == torch.float64 and torch.equal(exact.to(torch.float32).to(torch.float64), exact):
        return torch.finfo(torch.float32).eps
    return torch.finfo(found.dtype).eps


def _tensor(argument: str, value: object) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    try:
        return torch.as_tensor(np.asarray(value), device="cpu")
    except (TypeError, ValueError, RuntimeError):
        raise ArgumentError(argument, expected="a tensor of numbers", got=repr(value)[:80]) from None
