"""Which numbers layers take, and in which precision they square and sum them: float32 at least.

The square of 300 is no float16, and 1e-12 is none either; sums of ones stop at 2048 in float16 and at 256 in bfloat16.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError


def check_numbers(x: Tensor, argument: str = "x") -> None:
    """Refuse whole numbers and booleans.

    Raises:
        ArgumentError: If they are such.
    """
    if not (x.is_floating_point() or x.is_complex()):
        raise ArgumentError(
            argument,
            expected="floating-point numbers",
            got=str(x.dtype).removeprefix("torch."),
            way_out="convert them with .float(), or with .to() to the dtype of the module",
        )


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """The precision in which numbers of a dtype are squared and summed.

    Example:
        >>> wide_dtype(torch.float16), wide_dtype(torch.float64)
        (torch.float32, torch.float64)
    """
    return torch.promote_types(dtype, torch.float32)


def widened(x: Tensor, argument: str = "x") -> Tensor:
    """The same numbers, in float32 at least.

    Raises:
        ArgumentError: If they are not real.
    """
    check_numbers(x, argument)
    if x.is_complex():
        raise ArgumentError(
            argument,
            expected="real numbers, whose squares are added up",
            got=str(x.dtype).removeprefix("torch."),
            way_out="take real and imaginary parts as copies: torch.view_as_real",
        )
    return x.to(wide_dtype(x.dtype))


def length(v: Float[Tensor, "*shape"], axis: int, *, eps: float, keepdim: bool = False) -> Float[Tensor, "*reduced"]:
    """sqrt(|v|^2 + eps) over an axis, in float32 at least: finite, and so is its gradient at 0.

    Example:
        >>> length(torch.full((1, 4), 300.0).half(), -1, eps=1e-12)
        tensor([600.])
    """
    square = widened(v).square().sum(axis, keepdim=keepdim)
    return (square + max(eps, torch.finfo(square.dtype).tiny)).sqrt()
