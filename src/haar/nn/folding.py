"""A dense weight made once from parameters, and again as soon as they change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class FoldCache:
    """Keeps one dense tensor in eval without gradients; its key is the parameters' version, place, dtype and device.

    A stale cache is a classic fault: in-place steps raise a tensor's version, `.to()` and `load_state_dict` change its place or version.
    """

    def __init__(self) -> None:
        self._key: tuple[Any, ...] | None = None
        self._value: Tensor | None = None

    def get(self, module: nn.Module, parameters: Sequence[Tensor], make: Callable[[], Tensor]) -> Tensor:
        """The kept tensor if it is still true and may be kept, else a new one."""
        if module.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return make()
        key = tuple((id(p), p._version, p.data_ptr(), p.dtype, p.device) for p in parameters)
        if key != self._key or self._value is None:
            self._key, self._value = key, make()
        return self._value

    def __getstate__(self) -> dict[str, Any]:
        return {"_key": None, "_value": None}  # copies and pickles make their own

    def __deepcopy__(self, memo: dict[int, Any]) -> FoldCache:
        return FoldCache()
