"""What counts as numbers on their way into a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

Values = np.ndarray | Tensor | Sequence[Any] | np.generic | float | int | bool


def as_array(values: Values) -> np.ndarray:
    """An array, from a tensor on any device, an array, numbers in lists, or one number.

    Example:
        >>> as_array([[1, 2], [3, 4]]).shape
        (2, 2)
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        return np.asarray(values.float().numpy() if values.dtype == torch.bfloat16 else values.resolve_conj().numpy())
    return np.asarray(values)
