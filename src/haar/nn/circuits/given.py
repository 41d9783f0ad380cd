"""What a model of molecules is given: rows of the right shape, in the precision of its parameters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, ShapeError


def given(x: Tensor, module: nn.Module, row: Sequence[int]) -> Tensor:
    """The inputs in the precision of the parameters, where that loses nothing.

    Args:
        x: Inputs with a batch axis. Whole numbers and coarser ones than the parameters are raised.
        module: The model that takes the inputs.
        row: Shape of one sample.

    Raises:
        ShapeError: If samples have another shape.
        ArgumentError: If numbers are complex, or finer than the parameters; if parameters are in half precision.

    Example:
        >>> given(torch.ones(2, 3), nn.Linear(3, 1, dtype=torch.float64), (3,)).dtype
        torch.float64
    """
    if x.ndim != 1 + len(row) or tuple(x.shape[1:]) != tuple(row):
        raise ShapeError("x", expected=f"({', '.join(['batch', *map(str, row)])})", got=tuple(x.shape))
    own = next((parameter.dtype for parameter in module.parameters()), torch.float64)
    if own.itemsize < 4:
        raise ArgumentError(
            "model",
            expected="parameters in float32 or float64: there are no states of qubits in half precision",
            got=str(own).removeprefix("torch."),
            way_out="convert it with .float()",
        )
    if x.dtype == own:
        return x
    if x.is_complex() or torch.promote_types(x.dtype, own) != own:
        words = [str(dtype).removeprefix("torch.") for dtype in (own, x.dtype)]
        raise ArgumentError(
            "x",
            expected=f"{words[0]} or coarser, as the model's parameters are",
            got=words[1],
            way_out="convert one of them with .to(dtype)",
        )
    return x.to(own)
