"""A model that takes one row at a time, as a model of any number of rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SingleRows(nn.Module):
    """Rows one by one through a program whose batch size is fixed to 1.

    Args:
        model: From ``(1, *shape)`` to ``(1, ...)``.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """All rows."""
        return torch.cat([self.model(row) for row in x.split(1)])
