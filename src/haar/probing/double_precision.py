"""A copy of a model in double precision, complex parameters included."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

_DOUBLE = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex32: torch.complex128,
    torch.complex64: torch.complex128,
}


def in_double_precision(module: nn.Module) -> nn.Module:
    """A deep copy of a module whose real parameters and buffers are float64 and whose complex ones are complex128.

    `nn.Module.double` leaves complex numbers as they are, so that a Fourier layer meets two precisions. Constants that
    a model makes in forward follow the default dtype: run it under ``torch.set_default_dtype``, or not at all.

    Args:
        module: Any module; it is not changed.

    Example:
        >>> layer = nn.ParameterList([torch.zeros(2, dtype=torch.cfloat), torch.zeros(2)])
        >>> [p.dtype for p in in_double_precision(layer)]
        [torch.complex128, torch.float64]
    """

    def cast(x: Tensor) -> Tensor:
        return x.to(_DOUBLE.get(x.dtype, x.dtype))

    copied = copy.deepcopy(module)
    copied._apply(cast)  # noqa: SLF001 (what double() itself calls)
    return copied
