"""Handwritten digits that come with a package: nothing is downloaded."""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import require

#: The greatest value of a pixel as scikit-learn has it.
_WHITE = 16


@cache
def handwritten_digits() -> tuple[Float[Tensor, "samples pixels"], Int[Tensor, " samples"]]:
    """The 1797 digits of scikit-learn, 8 x 8 pixels in [0, 1], in one random order that is always the same.

    Returns:
        Pixels of each in a row, and the digits.

    Raises:
        MissingExtraError: If scikit-learn is not installed.

    Example:
        >>> pixels, labels = handwritten_digits()
        >>> pixels.shape, labels[:3].tolist()
        (torch.Size([1797, 64]), [6, 5, 5])
    """
    found = require("sklearn.datasets", "digits").load_digits()
    order = torch.randperm(len(found.target), generator=torch.Generator().manual_seed(0))
    return torch.tensor(found.data / _WHITE, dtype=torch.float32)[order], torch.tensor(found.target)[order]
