"""Constants of a module that keep their precision: float64 masters behind buffers that are not saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class ConstantsModule(nn.Module):
    """A module whose constants are buffers for speed and float64 masters for truth.

    A buffer that went to float32 and back to float64 would have lost half its digits, and with them the symmetry. After
    every `.to()`, `.double()` or `.to_empty()` the buffers are therefore made again from their masters.
    """

    def __init__(self) -> None:
        super().__init__()
        self._masters: dict[str, Tensor] = {}

    def hold(self, name: str, value: Tensor, like: torch.dtype | None = None) -> None:
        """Keep a constant, float64 or integers, as the buffer `name`, which is not saved.

        Args:
            name: Name of the buffer.
            value: The constant.
            like: Dtype of the buffer; by default torch's default.
        """
        self._masters[name] = value
        self.register_buffer(name, value.to(torch.get_default_dtype() if like is None else like), persistent=False)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> ConstantsModule:  # noqa: FBT001, FBT002 (torch's signature)
        super()._apply(fn, recurse)
        for name, master in self._masters.items():
            buffer = self._buffers[name]
            if buffer is not None and not buffer.is_meta:
                self._buffers[name] = master.to(dtype=buffer.dtype, device=buffer.device)
        return self
