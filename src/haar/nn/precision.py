"""Which numbers layers take, and in which precision they square and sum them: float32 at least.

The square of 300 is no float16, and 1e-12 is none either; sums of ones stop at 2048 in float16 and at 256 in bfloat16.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError

_WIDE = frozenset({torch.float32, torch.float64})


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


def check_number(argument: str, value: object, *, positive: bool = False) -> float | int:
    """The value, if it is a finite real number that is not negative, or positive.

    Raises:
        ArgumentError: Else.

    Example:
        >>> check_number("eps", float("nan"))
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: eps: expected 0 or more, got nan
    """
    real = isinstance(value, int | float) and not isinstance(value, bool)
    if not real or not (value > 0 if positive else value >= 0) or value == float("inf"):  # type: ignore[operator]
        raise ArgumentError(argument, expected="a positive number" if positive else "0 or more", got=value)
    return value  # type: ignore[return-value]


def check_precision(x: Tensor, weight: Tensor, argument: str = "x") -> None:
    """Refuse numbers in another precision than that of the weights they are multiplied with.

    Raises:
        ArgumentError: If they are such.
    """
    if x.dtype is not weight.dtype:
        kind = str(weight.dtype).removeprefix("torch.")
        raise ArgumentError(
            argument,
            expected=f"{kind}, as the layer's weights",
            got=str(x.dtype).removeprefix("torch."),
            way_out=f"convert it with .to(torch.{kind}), or the layer with .to({argument}.dtype)",
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
    if x.dtype in _WIDE:
        return x
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
