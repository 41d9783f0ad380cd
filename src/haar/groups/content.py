"""Whether two groups have the same content, so that an element of one is the same element of the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def same_content(one: Sequence[object], other: Sequence[object]) -> bool:
    """Whether parts are equal one by one, tensors by shape, dtype and every number.

    Example:
        >>> same_content((1, torch.ones(2)), (1, torch.ones(2))), same_content((1,), (1, 2))
        (True, False)
    """
    return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))


def _same(a: object, b: object) -> bool:
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return isinstance(a, Tensor) and isinstance(b, Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    return a is b or bool(a == b)
