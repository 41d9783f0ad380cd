"""Samples in pieces for a model that may not take one alone: batch norm in train mode, ``squeeze()``, a spread."""

from __future__ import annotations

from torch import Tensor


def pieces(x: Tensor, most: int) -> tuple[Tensor, ...]:
    """Rows in pieces of at most `most`, none of which is one row alone unless there is only one.

    Args:
        x: Samples on axis 0.
        most: Rows in a piece, at least 2.

    Example:
        >>> import torch
        >>> [len(part) for part in pieces(torch.zeros(9, 2), 4)]
        [3, 3, 3]
        >>> [len(part) for part in pieces(torch.zeros(10, 2), 4)]
        [4, 4, 2]
    """
    if len(x) % most == 1 and len(x) > 1:
        even: tuple[Tensor, ...] = x.tensor_split(-(-len(x) // most))
        return even
    whole: tuple[Tensor, ...] = x.split(most)
    return whole
