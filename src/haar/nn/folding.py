"""A dense weight and bias made once from parameters, and again as soon as they change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

#: A dense weight, and a dense bias if there is one.
Dense = tuple[Tensor, Tensor | None]


class FoldCache:
    """Keeps a dense weight and bias while nothing asks for the parameters' gradients.

    A stale cache is a classic fault. What is kept is used only if every parameter is the same object at the same place
    and version; on a CPU the values are compared too, because writing through ``.data`` leaves no other trace.
    """

    def __init__(self) -> None:
        self._key: tuple[Any, ...] | None = None
        self._seen: list[Tensor] | None = None
        self._value: Dense | None = None

    def get(self, module: nn.Module, make: Callable[[], Dense]) -> Dense:
        """What is kept if it is still true and may be kept, else made anew, at full precision.

        Args:
            module: The module whose own parameters `make` uses.
            make: Makes the dense weight and bias.
        """
        parameters: list[Tensor] = [p for p in module._parameters.values() if p is not None]  # noqa: SLF001 (its own, not its children's)
        wanted = torch.is_grad_enabled() and any(p.requires_grad for p in parameters)
        if module.training or wanted or torch.compiler.is_compiling() or any(map(_transformed, parameters)):
            return _fresh(parameters[0], make)
        key = tuple(_mark(p) for p in parameters)
        if self._value is None or key != self._key or not self._same_values(parameters):
            weight, bias = _fresh(parameters[0], make)
            self._value = weight.detach().contiguous(), None if bias is None else bias.detach()
            self._key = key
            self._seen = [p.detach().clone() for p in parameters] if parameters[0].device.type == "cpu" else None
        return self._value

    def clear(self) -> None:
        """Forget."""
        self._key = self._seen = self._value = None

    def _same_values(self, parameters: list[Tensor]) -> bool:
        if self._seen is None:
            return True
        return all(torch.equal(one, other) for one, other in zip(self._seen, parameters, strict=True))

    def __getstate__(self) -> dict[str, Any]:
        return {"_key": None, "_seen": None, "_value": None}  # copies and pickles make their own

    def __deepcopy__(self, memo: dict[int, Any]) -> FoldCache:
        return FoldCache()


def _mark(p: Tensor) -> tuple[Any, ...]:
    """What changes when a parameter does; tensors made in inference mode count no versions."""
    version = -1 if p.is_inference() else p._version  # noqa: SLF001 (torch's own counter of in-place changes)
    return id(p), p.data_ptr(), version, p.dtype, p.device, torch.is_inference_mode_enabled()


def _transformed(p: Tensor) -> bool:
    """Whether a function transform such as `torch.vmap` stands in for the values: those do not outlive it."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(p))  # noqa: SLF001 (torch tells it nowhere else)


def _fresh(parameter: Tensor, make: Callable[[], Dense]) -> Dense:
    with torch.autocast(parameter.device.type, enabled=False):
        return make()
