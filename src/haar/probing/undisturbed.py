"""Run a model and leave no trace: modes, buffers, and the random state of the process are as they were found."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from haar.probing.attributes import Attributes, holds_numbers


@contextmanager
def undisturbed(*models: Callable[..., Any], mode: str | None = "eval") -> Iterator[None]:
    """Run models, and put back afterwards what running them changes.

    That is the train or eval mode of every module (which may differ from its parent's: a frozen batch norm), buffers
    and plain attributes that the model writes (running statistics, counters, caches, hidden states), gradients that it
    adds to its parameters, and the random state of torch on every device in use, of numpy and of Python.

    Args:
        models: Modules, or functions, of which nothing but the random state can be known.
        mode: ``"eval"`` or ``"train"`` puts every module in that mode meanwhile; None leaves the modes.

    Example:
        >>> norm = nn.BatchNorm1d(3)
        >>> with undisturbed(norm, mode="train"):
        ...     _ = norm(torch.randn(8, 3))
        >>> norm.running_mean.tolist(), norm.num_batches_tracked.item()
        ([0.0, 0.0, 0.0], 0)
    """
    modules = _modules(models).values()
    with _random_state_put_back():
        kept = [part for module in modules for part in _parts(module)]
        try:
            with modes_put_back(*models, mode=mode):
                yield
        finally:
            for part in kept:
                part.put_back()


@contextmanager
def modes_put_back(*models: Callable[..., Any], mode: str | None = "eval") -> Iterator[None]:
    """Put back the mode of every module, which may differ from its parent's; all else that happens, stays.

    Args:
        models: Modules; functions have no mode.
        mode: As for `undisturbed`.
    """
    modules = _modules(models).values()
    modes = [module.training for module in modules]
    try:
        if mode is not None:
            for module in modules:
                module.training = mode == "train"  # train() may be overridden, and tells its children
        yield
    finally:
        for module, training in zip(modules, modes, strict=True):
            module.training = training


def _modules(models: Any) -> dict[int, nn.Module]:
    """Every module once; no list, of which a type checker at run time would draw an item."""
    return {id(m): m for model in models if isinstance(model, nn.Module) for m in model.modules()}


def _parts(module: nn.Module) -> list[_Buffers | _Gradients | Attributes]:
    if isinstance(module, torch.jit.ScriptModule):  # its attributes live elsewhere
        return [_Buffers(module), _Gradients(module)]
    return [_Buffers(module), _Gradients(module), Attributes(module)]


class _Gradients:
    """The gradients of one module's parameters, set aside: a backward pass inside forward adds nothing to them."""

    def __init__(self, module: nn.Module) -> None:
        self._held: list[tuple[Tensor, Tensor | None]] = [
            (parameter, parameter.grad) for parameter in module.parameters(recurse=False) if parameter.is_leaf
        ]
        for parameter, gradient in self._held:
            if gradient is not None:
                parameter.grad = None

    def put_back(self) -> None:
        for parameter, gradient in self._held:
            if parameter.grad is not gradient:
                parameter.grad = gradient


class _Buffers:
    """The buffers of one module: which tensors stand there, and what is in them."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._tensors = dict(module._buffers)  # noqa: SLF001 (the very tensors, shared ones and None included)
        self._values = {
            name: buffer.detach().clone()
            for name, buffer in self._tensors.items()
            if buffer is not None and holds_numbers(buffer)
        }

    def put_back(self) -> None:
        if not isinstance(self._module, torch.jit.ScriptModule):  # its list of buffers is fixed
            now = self._module._buffers  # noqa: SLF001
            for name in [name for name in now if name not in self._tensors]:
                del now[name]
            now.update(self._tensors)
        with torch.no_grad():
            for name, value in self._values.items():
                buffer = self._tensors[name]
                # Values are compared: batch norm writes without counting it as a write.
                if buffer is not None and not (buffer.shape == value.shape and torch.equal(buffer, value)):
                    buffer.resize_(value.shape).copy_(value)


@contextmanager
def _random_state_put_back() -> Iterator[None]:
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    started = accelerator is not None and getattr(torch, accelerator.type).is_initialized()
    devices = range(torch.accelerator.device_count()) if started else ()
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (the state that a model may draw from)
    kind = accelerator.type if accelerator is not None and started else "cuda"
    with torch.random.fork_rng(devices=list(devices), device_type=kind):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
