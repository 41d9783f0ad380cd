"""Data that are no dense arrays, which a line turns into such."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.errors import ArgumentError


def check_dense(argument: str, data: Any) -> None:
    """Say in a line that data are a table with names, or tensors that leave out their zeros.

    Args:
        argument: Name of the argument as the caller wrote it.
        data: Inputs, or parts side by side.

    Raises:
        ArgumentError: With the line that makes them dense.

    Example:
        >>> check_dense("data", torch.eye(2).to_sparse())
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: data: expected dense tensors, got sparse_coo; data.to_dense()
    """
    for part in data if isinstance(data, (tuple, list)) else (data,):
        if isinstance(part, Tensor) and part.layout != torch.strided:
            kind = str(part.layout).removeprefix("torch.")
            raise ArgumentError(argument, expected="dense tensors", got=kind, way_out="data.to_dense()")
        if callable(getattr(part, "to_numpy", None)):
            raise ArgumentError(
                argument,
                expected="tensors or arrays",
                got=f"a {type(part).__name__}",
                way_out="(inputs.to_numpy(), labels.to_numpy())",
            )
