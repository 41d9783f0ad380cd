"""A dense weight and bias made once from parameters, and again as soon as they change."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from haar.probing import transformed

#: A dense weight, and a dense bias if there is one.
Dense = tuple[Tensor, Tensor | None]
#: What is numbers in memory and nothing else.
PLAIN = (Tensor, nn.Parameter)

# Looked up once: small layers ask at every call.
_in_inference_mode = torch.is_inference_mode_enabled
_modes = torch._C._len_torch_dispatch_stack  # noqa: SLF001 (torch tells it nowhere else)


class FoldCache:
    """Keeps a dense weight and bias while nothing asks for their gradients.

    A stale cache is a classic fault, and numbers change in many ways that leave no trace: writes through ``.data``,
    averages of weights, shared memory, replayed graphs of an accelerator, a weight that is computed anew by a
    parametrisation or a pruning mask. So the key is the numbers themselves: what is kept is used if every tensor that
    it was made from has the same bytes. On a CPU comparing them takes less time than anything else; on other devices
    one would have to wait for them, so nothing is kept there.
    """

    def __init__(self) -> None:
        self._kept: _Kept | None = None  # replaced as a whole: threads never see half of it

    def get(
        self, module: nn.Module, make: Callable[[], Dense], sources: Sequence[Tensor | None] | None = None
    ) -> Dense:
        """What is kept if it is still true and may be kept, else made anew, at full precision.

        Args:
            module: The module that `make` belongs to.
            make: Makes the dense weight and bias.
            sources: All tensors that `make` uses; by default those of the module and of its parametrisations.
        """
        sources = own_tensors(module) if sources is None else sources
        kept = self.kept(sources)
        return self._made(make, sources) if kept is None else kept

    def kept(self, sources: Sequence[Tensor | None]) -> Dense | None:
        """What is kept, if it is true and may be used now, else None; quick, since small layers ask at every call.

        What was made in inference mode serves no other mode.
        """
        kept = self._kept
        if kept is None or watched():
            return None
        seen, value, inference, version = kept
        if _in_inference_mode() is not inference or len(sources) != len(seen):
            return None
        grad = torch.is_grad_enabled()
        for p, known in zip(sources, seen):  # noqa: B905 (they are as many)
            if p is None or known is None:
                if p is not None or known is not None:
                    return None
            elif not known.still(p) or (grad and p.requires_grad):
                return None
        return value if inference or value[0]._version == version else None  # noqa: SLF001 (torch tells it nowhere else)

    def clear(self) -> None:
        """Forget."""
        self._kept = None

    def _made(self, make: Callable[[], Dense], sources: Sequence[Tensor | None]) -> Dense:
        """Made anew, and kept where it may be."""
        first = next(p for p in sources if p is not None)
        wanted = torch.is_grad_enabled() and any(p is not None and p.requires_grad for p in sources)
        if wanted or watched() or not all(p is None or comparable(p) for p in sources):
            return _fresh(first, make)
        seen = [None if p is None else Seen(p) for p in sources]  # before the dense ones: another thread may write
        weight, bias = _fresh(first, make)
        value = weight.detach(), None if bias is None else bias.detach()
        inference = torch.is_inference_mode_enabled()
        # torch's own counter of writes in place, by whoever was given the dense weight; in inference mode there is none
        self._kept = _Kept(seen, value, inference, 0 if inference else value[0]._version)  # noqa: SLF001
        return value

    def __getstate__(self) -> dict[str, Any]:
        return {"_kept": None}  # copies and pickles make their own

    def __deepcopy__(self, memo: dict[int, Any]) -> FoldCache:
        return FoldCache()


class Seen:
    """A tensor as it was: its shape, kind and bytes."""

    __slots__ = ("dtype", "place", "shape", "size", "values")

    def __init__(self, p: Tensor) -> None:
        self.values = p.detach().clone(memory_format=torch.contiguous_format)
        self.shape, self.dtype = p.shape, p.dtype
        self.place, self.size = self.values.data_ptr(), p.numel() * p.element_size()

    def still(self, p: Tensor) -> bool:
        """Whether another tensor is as this one was."""
        # as `comparable`, in less time
        if type(p) not in PLAIN or not p.is_cpu or p.dtype is not self.dtype or p.shape != self.shape:
            return False
        if not p.is_contiguous():
            return False
        if _compare is None:
            return torch.equal(p, self.values)
        return not _compare(p.data_ptr(), self.place, self.size)


class _Kept(NamedTuple):
    seen: list[Seen | None]
    value: Dense
    inference: bool
    version: int


def own_tensors(module: nn.Module) -> list[Tensor | None]:
    """Parameters, buffers and other tensors of a module and of its parametrisations."""
    found: list[Tensor | None] = [*module._parameters.values(), *module._buffers.values()]  # noqa: SLF001 (its own, not its children's)
    found += [value for value in module.__dict__.values() if isinstance(value, Tensor)]
    computed = module._modules.get("parametrizations")  # noqa: SLF001 (torch's name for them)
    return found if computed is None else [*found, *computed.parameters(), *computed.buffers()]


def watched() -> bool:
    """Whether more is going on than the numbers tell: a compiler, a tracer, a transform, or a mode."""
    return transformed() or _modes() > 0


def comparable(p: Tensor) -> bool:
    """Whether a tensor is numbers in a row in the CPU's memory."""
    return type(p) in PLAIN and p.is_cpu and p.is_contiguous()


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


def _fresh(parameter: Tensor, make: Callable[[], Dense]) -> Dense:
    # autocast knows no device "meta"; entering a context costs more than asking whether there is one to leave
    if parameter.is_meta or not (torch.compiler.is_compiling() or torch.is_autocast_enabled(parameter.device.type)):
        return make()
    with torch.autocast(parameter.device.type, enabled=False):
        return make()
