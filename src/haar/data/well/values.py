"""What counts as numbers on their way into a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

Values = np.ndarray | Tensor | Sequence[Any] | np.generic | float | int | bool


def as_array(values: Values) -> np.ndarray:
    """An array, from a tensor on any device, an array, numbers in lists, or one number.

    Example:
        >>> as_array([[1, 2], [3, 4]]).shape
        (2, 2)
    """
    return np.asarray(values.detach().cpu().numpy() if isinstance(values, Tensor) else values)
