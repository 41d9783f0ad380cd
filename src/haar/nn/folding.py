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
        self._seen: list[_Seen] = []
        self._value: Dense | None = None

    def get(self, module: nn.Module, make: Callable[[], Dense]) -> Dense:
        """What is kept if it is still true and may be kept, else made anew, at full precision.

        Args:
            module: The module whose own parameters `make` uses.
            make: Makes the dense weight and bias.
        """
        parameters: list[Tensor] = [p for p in module._parameters.values() if p is not None]  # noqa: SLF001 (its own, not its children's)
        wanted = torch.is_grad_enabled() and any(p.requires_grad for p in parameters)
        if wanted or torch.compiler.is_compiling():
            return _fresh(parameters[0], make)
        if self._value is not None and self._unchanged(parameters):
            return self._value
        if any(map(_transformed, parameters)):
            return _fresh(parameters[0], make)
        weight, bias = _fresh(parameters[0], make)
        self._value = weight.detach().contiguous(), None if bias is None else bias.detach()
        self._seen = [_Seen(p) for p in parameters]
        return self._value

    def _unchanged(self, parameters: list[Tensor]) -> bool:
        return len(parameters) == len(self._seen) and all(map(_Seen.still, self._seen, parameters))

    def clear(self) -> None:
        """Forget."""
        self._seen, self._value = [], None

    def __getstate__(self) -> dict[str, Any]:
        return {"_seen": [], "_value": None}  # copies and pickles make their own

    def __deepcopy__(self, memo: dict[int, Any]) -> FoldCache:
        return FoldCache()


class _Seen:
    """A parameter as it was: the object, its place and version, and on a CPU its values."""

    __slots__ = ("inference", "parameter", "place", "values", "version")

    def __init__(self, p: Tensor) -> None:
        self.parameter, self.place, self.version = p, p.data_ptr(), _version(p)
        self.inference = torch.is_inference_mode_enabled()
        self.values = p.detach().clone() if p.device.type == "cpu" else None

    def still(self, p: Tensor) -> bool:
        """Whether nothing has changed; what was made in inference mode serves no other mode."""
        return (
            p is self.parameter
            and p.data_ptr() == self.place
            and _version(p) == self.version
            and torch.is_inference_mode_enabled() == self.inference
            and (self.values is None or (p.dtype == self.values.dtype and torch.equal(p, self.values)))
        )


def _transformed(p: Tensor) -> bool:
    """Whether a function transform such as `torch.vmap` stands in for the values: those do not outlive it."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(p))  # noqa: SLF001 (torch tells it nowhere else)


def _version(p: Tensor) -> int:
    """Torch's own counter of changes in place; tensors made in inference mode have none."""
    return -1 if p.is_inference() else p._version  # noqa: SLF001


def _fresh(parameter: Tensor, make: Callable[[], Dense]) -> Dense:
    if parameter.is_meta:  # autocast knows no such device
        return make()
    with torch.autocast(parameter.device.type, enabled=False):
        return make()
