"""Constants: those of modules, computed on the host, never saved and made again when lost; and sizes of rounding."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

P = ParamSpec("P")
R = TypeVar("R")

#: What float64 numbers are divided by at least: a quotient of two zeros is zero, and nothing that was measured changes.
TINY = 1e-300
#: The same for sums of squares in float32, where 1e-300 is zero.
TINY_SINGLE = 1e-30
#: Entries of orthogonal matrices in float64 that differ by less are the same: rounding of long products stays below it.
SAME_ENTRY = 1e-9
#: Largest error of a product of matrices that are taken for a representation: given entries may have ten digits.
HOMOMORPHISM_ERROR = 1e-8

#: Where parameters belong that are being made on the host.
_TARGET: ContextVar[torch.device | None] = ContextVar("target", default=None)
_function_modes = torch._C._len_torch_function_stack  # noqa: SLF001 (without a mode there is no default device)
#: Complex numbers beside real ones; those of float16, complex32, are known to few operators.
_COMPLEX = {
    torch.float16: torch.complex64,
    torch.bfloat16: torch.complex64,
    torch.float32: torch.complex64,
    torch.float64: torch.complex128,
}


class HostBuilt:
    """A module whose constructor computes on the CPU and then puts its own parameters and buffers where they belong.

    Under ``torch.device("meta")`` torch's layers hold no numbers, and are filled later. A layer whose bases are solved
    for needs numbers to be made at all: they are computed on the host. No random number is drawn for a layer that is
    to hold none.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = _built_on_the_host(cls.__init__)  # type: ignore[method-assign]


def target_device() -> torch.device:
    """Where the parameters of what is being made belong."""
    target = _TARGET.get()
    return torch.get_default_device() if target is None else target


def _built_on_the_host(constructor: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(constructor)
    def run(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        if _TARGET.get() is None and not (_function_modes() > 0 and torch.get_default_device().type != "cpu"):
            constructor(self, *args, **kwargs)
            return
        if "_built" in self.__dict__:  # a subclass's constructor, further out, puts everything where it belongs
            constructor(self, *args, **kwargs)
            return
        self.__dict__["_built"] = False
        with _building(kwargs.get("generator")) as device:
            constructor(self, *args, **kwargs)
        del self.__dict__["_built"]
        nn.Module._apply(self, lambda t: t.to(device), recurse=False)  # noqa: SLF001 (torch's own way to move)

    return run


@contextmanager
def _building(generator: torch.Generator | None) -> Iterator[torch.device]:
    """The CPU for what is computed, and where it belongs; for "meta" random states are as they were."""
    device = target_device()
    before = _TARGET.set(device)
    states = [(one, one.get_state()) for one in (torch.default_generator, generator) if one and device.type == "meta"]
    try:
        with torch.device("cpu"):
            yield device
    finally:
        _TARGET.reset(before)
        for one, state in states:
            one.set_state(state)


class ConstantsModule(HostBuilt, nn.Module):
    """A module whose constants are buffers for speed and masters for truth.

    Constants are not saved. A buffer that went to float32 and back to float64 would have lost half its digits, and one
    that went to "meta" and back by `.to_empty()` all of them. After every `.to()`, `.double()` or `.to_empty()`, and
    where a loaded state dict leaves them on "meta", buffers are therefore made again from their masters.
    """

    def __init__(self) -> None:
        nn.Module.__init__(self)  # not the constructor of a second base, such as torch's batch norm
        self._masters: dict[str, Tensor] = {}

    def register_constant(self, name: str, value: Tensor | None, dtype: torch.dtype | None = None) -> None:
        """Keep a constant as the buffer `name`, which is not saved.

        Args:
            name: Name of the buffer.
            value: The constant; None for a buffer that is None.
            dtype: Precision of the buffer; by default the constant's own.
        """
        if value is None:
            self.register_buffer(name, None, persistent=False)
            return
        self._masters[name] = value
        self.register_buffer(name, value if dtype is None else value.to(dtype), persistent=False)

    def constant_as(self, name: str, dtype: torch.dtype) -> Tensor:
        """A constant in a precision, none of its digits lost on the way."""
        buffer = self._buffers[name]
        if buffer is None or buffer.dtype == dtype:
            return buffer  # type: ignore[return-value]
        return self._masters[name].to(dtype=dtype, device=buffer.device)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> ConstantsModule:  # noqa: FBT001, FBT002 (torch's signature)
        # As pairs of real numbers: `.to(torch.float64)` would drop imaginary parts, `.double()` leave both alone.
        whole = {name: buffer for name, buffer in self._held() if buffer.is_complex()}
        self._buffers.update({name: torch.view_as_real(buffer.resolve_conj()) for name, buffer in whole.items()})
        try:
            super()._apply(fn, recurse)
        except BaseException:
            self._buffers.update(whole)
            raise
        for name, buffer in self._held():
            if not buffer.is_meta:
                self._make_again(name, buffer.dtype, buffer.device)
            elif name in whole:
                self._buffers[name] = whole[name].to(_COMPLEX.get(buffer.dtype, buffer.dtype)).to("meta")
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(state_dict, *args, **kwargs)
        # `assign=True` fills parameters that are on "meta", but knows nothing of buffers that are not saved
        lost = [(name, buffer) for name, buffer in self._held() if buffer.is_meta]
        if not lost:
            return
        own = [p for p in self._parameters.values() if p is not None]
        given = [p for p in [*own, *state_dict.values()] if isinstance(p, Tensor)]
        if any(p.is_meta for p in own):
            return
        for name, buffer in lost:
            self._make_again(name, buffer.dtype, next((p.device for p in given if not p.is_meta), torch.device("cpu")))

    def _held(self) -> list[tuple[str, Tensor]]:
        """Constants and their buffers."""
        found = ((name, self._buffers.get(name)) for name in self._masters)
        return [(name, buffer) for name, buffer in found if buffer is not None]

    def _make_again(self, name: str, dtype: torch.dtype, device: torch.device) -> None:
        master = self._masters[name]
        if master.is_complex():
            dtype = _COMPLEX.get(dtype, dtype)
        self._buffers[name] = master.to(dtype=dtype, device=device)
