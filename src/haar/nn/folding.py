"""A dense weight made once from parameters, and again as soon as they change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class FoldCache:
    """Keeps one dense tensor while nothing asks for the parameters' gradients.

    A stale cache is a classic fault. The kept tensor is used only if the parameter is the same object at the same place
    and version; on a CPU its values are compared too, because writing through ``.data`` leaves no other trace.
    """

    def __init__(self) -> None:
        self._key: tuple[Any, ...] | None = None
        self._seen: Tensor | None = None
        self._value: Tensor | None = None

    def get(self, module: nn.Module, parameter: Tensor, make: Callable[[], Tensor]) -> Tensor:
        """The kept tensor if it is still true and may be kept, else a new one, made at full precision."""
        wanted = torch.is_grad_enabled() and parameter.requires_grad
        if module.training or wanted or torch.compiler.is_compiling():
            return self._fresh(parameter, make)
        key: tuple[Any, ...] = (
            id(parameter),
            parameter.data_ptr(),
            parameter.dtype,
            parameter.device,
            torch.is_inference_mode_enabled(),
        )
        if not parameter.is_inference():
            key = (*key, parameter._version)  # noqa: SLF001 (torch's own counter of in-place changes)
        if self._value is None or key != self._key or not self._same_values(parameter):
            self._value = self._fresh(parameter, make).detach()
            self._key, self._seen = key, parameter.detach().clone() if parameter.device.type == "cpu" else None
        return self._value

    def clear(self) -> None:
        """Forget the kept tensor."""
        self._key = self._seen = self._value = None

    def _same_values(self, parameter: Tensor) -> bool:
        return self._seen is None or torch.equal(self._seen, parameter)

    def _fresh(self, parameter: Tensor, make: Callable[[], Tensor]) -> Tensor:
        with torch.autocast(parameter.device.type, enabled=False):
            return make()

    def __getstate__(self) -> dict[str, Any]:
        return {"_key": None, "_seen": None, "_value": None}  # copies and pickles make their own

    def __deepcopy__(self, memo: dict[int, Any]) -> FoldCache:
        return FoldCache()
