"""Few characters that tell whether two processes, or two days, mean the same."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy


def versions() -> dict[str, str]:
    """What the same call must be run by to give the same numbers.

    Example:
        >>> versions()["version of torch"] == metadata.version("torch")
        True
    """
    found = {f"version of {name}": metadata.version(name) for name in ("haar", "torch", "numpy")}
    return {**found, "version of Python": platform.python_version()}


def fingerprint(*values: Any) -> str:
    """Twelve characters that change when a tensor, a number or a word does.

    Example:
        >>> fingerprint(torch.zeros(2), "D4") == fingerprint(torch.zeros(2), "D4")
        True
        >>> fingerprint(torch.zeros(2)) == fingerprint(torch.zeros(2).double())
        False
    """
    made = hashlib.sha256()
    for value in values:
        if isinstance(value, Tensor):
            for part in _parts(value):
                made.update(part)
        else:
            made.update(f"{type(value).__name__} {value}".encode())
    return made.hexdigest()[:12]


def _parts(x: Tensor) -> Iterator[bytes]:
    """What there is of a tensor: its dtype and shape, and its numbers where it has them."""
    if is_lazy(x):
        yield b"not initialised"
        return
    x = x.detach()
    if x.layout is not torch.strided:
        x = x.to_sparse_coo().coalesce()
        yield f"sparse {tuple(x.shape)}".encode()
        yield from _parts(x.indices())
        yield from _parts(x.values())
        return
    yield f"{x.dtype} {tuple(x.shape)}".encode()
    if x.numel() and not x.is_meta:
        plain = x.cpu().resolve_conj().resolve_neg().contiguous()
        yield plain.reshape(-1).view(torch.uint8).numpy().tobytes()


def fingerprint_of_model(model: Callable[..., Any]) -> str:
    """Of a module's layers, parameters and buffers; of another callable its name alone is known."""
    if not isinstance(model, nn.Module):
        return fingerprint(getattr(model, "__qualname__", type(model).__qualname__))
    return fingerprint(str(model), *(part for name, value in model.state_dict().items() for part in (name, value)))
