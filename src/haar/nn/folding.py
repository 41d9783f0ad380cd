"""A dense weight and bias made once from parameters, and again as soon as they change."""

from __future__ import annotations

import ctypes
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
        self._inference = False

    def get(self, module: nn.Module, make: Callable[[], Dense]) -> Dense:
        """What is kept if it is still true and may be kept, else made anew, at full precision.

        Args:
            module: The module whose own parameters `make` uses.
            make: Makes the dense weight and bias.
        """
        kept = self.kept(module)
        if kept is not None:
            return kept
        parameters = list(module._parameters.values())  # noqa: SLF001 (its own, not its children's)
        first = next(p for p in parameters if p is not None)
        wanted = torch.is_grad_enabled() and any(p is not None and p.requires_grad for p in parameters)
        if wanted or torch.compiler.is_compiling() or any(p is not None and _transformed(p) for p in parameters):
            return _fresh(first, make)
        weight, bias = _fresh(first, make)
        self._value = weight.detach(), None if bias is None else bias.detach()
        self._seen = [_Seen(p) for p in parameters]
        self._inference = torch.is_inference_mode_enabled()
        return self._value

    def kept(self, module: nn.Module) -> Dense | None:
        """What is kept, if it is true and may be used now, else None; quick, since small layers ask at every call.

        What was made in inference mode serves no other mode.
        """
        value = self._value
        if value is None or torch.compiler.is_compiling() or torch.is_inference_mode_enabled() != self._inference:
            return None
        parameters = module._parameters  # noqa: SLF001 (its own)
        if len(parameters) != len(self._seen):
            return None
        grad = torch.is_grad_enabled()
        for p, seen in zip(parameters.values(), self._seen):  # noqa: B905 (they are as many)
            if p is not seen.parameter or not seen.still() or (grad and seen.trained()):
                return None
        return value

    def clear(self) -> None:
        """Forget."""
        self._seen, self._value = [], None

    def __getstate__(self) -> dict[str, Any]:
        return {"_seen": [], "_value": None, "_inference": False}  # copies and pickles make their own

    def __deepcopy__(self, memo: dict[int, Any]) -> FoldCache:
        return FoldCache()


class _Seen:
    """A parameter as it was: the object, its place and version, and on a CPU its values."""

    __slots__ = ("copied", "dtype", "parameter", "place", "size", "values", "version")

    def __init__(self, p: Tensor | None) -> None:
        self.parameter = p
        if p is None:
            return
        self.place, self.dtype = p.data_ptr(), p.dtype
        # torch's own counter of changes in place; tensors made in inference mode have none
        self.version = None if p.is_inference() else p._version  # noqa: SLF001
        self.values = p.detach().clone() if p.device.type == "cpu" else None
        self.copied = 0  # where a copy of the same layout stands
        if self.values is not None and _compare is not None and p.is_contiguous():
            self.copied, self.size = self.values.data_ptr(), p.numel() * p.element_size()

    def still(self) -> bool:
        """Whether nothing has changed in it."""
        p = self.parameter
        if p is None:
            return True
        if p.data_ptr() != self.place or p.dtype is not self.dtype:
            return False
        if self.version is not None and p._version != self.version:  # noqa: SLF001
            return False
        if self.copied:
            return not _compare(self.place, self.copied, self.size)  # type: ignore[misc]
        return self.values is None or torch.equal(p, self.values)

    def trained(self) -> bool:
        """Whether its gradient is wanted where gradients are."""
        return self.parameter is not None and self.parameter.requires_grad


def _byte_comparison() -> Callable[[int, int, int], int] | None:
    """The C library's, in a fraction of the time that comparing numbers takes; None where there is none."""
    try:
        compare = ctypes.CDLL(None).memcmp
    except (AttributeError, OSError, TypeError):
        return None
    compare.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    found: Callable[[int, int, int], int] = compare
    return found


_compare = _byte_comparison()


def _transformed(p: Tensor) -> bool:
    """Whether a function transform such as `torch.vmap` stands in for the values: those do not outlive it."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(p))  # noqa: SLF001 (torch tells it nowhere else)


def _fresh(parameter: Tensor, make: Callable[[], Dense]) -> Dense:
    # autocast knows no device "meta"; entering a context costs more than asking whether there is one to leave
    if parameter.is_meta or not (torch.compiler.is_compiling() or torch.is_autocast_enabled(parameter.device.type)):
        return make()
    with torch.autocast(parameter.device.type, enabled=False):
        return make()
