"""Few characters that tell whether two processes, or two days, mean the same."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from importlib import metadata
from typing import Any

import torch
from torch import Tensor, nn


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
            x = value.detach().cpu().contiguous()
            made.update(f"{x.dtype} {tuple(x.shape)}".encode())
            made.update(x.reshape(-1).view(torch.uint8).numpy().tobytes() if x.numel() else b"")
        else:
            made.update(f"{type(value).__name__} {value}".encode())
    return made.hexdigest()[:12]


def fingerprint_of_model(model: Callable[..., Any]) -> str:
    """Of a module's layers, parameters and buffers; of another callable its name alone is known."""
    if not isinstance(model, nn.Module):
        return fingerprint(getattr(model, "__qualname__", type(model).__qualname__))
    return fingerprint(str(model), *(part for name, value in model.state_dict().items() for part in (name, value)))
