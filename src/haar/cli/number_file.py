"""Tables of numbers in files: text, NumPy's format, or tensors; never a pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import DataError


def read_numbers(path: Path) -> Float[Tensor, "..."]:
    """Read one array of numbers as float64.

    Args:
        path: ``.npy``; ``.safetensors`` or ``.pt`` with one tensor; or text, ``.csv`` or ``.txt``, with a header line
            or without.

    Raises:
        DataError: If the file is missing, holds anything but one array of numbers, or would have to be unpickled.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        found = _read(path)
    except DataError:
        raise
    except Exception as error:  # every reader raises its own kinds
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise DataError(f"{path}: not an array of numbers ({reason})") from error
    if not bool(torch.isfinite(found).all()):
        raise DataError(f"{path}: contains NaN or infinity")
    return found


def _read(path: Path) -> Tensor:
    kind = path.suffix.lower()
    if kind == ".npy":
        return torch.from_numpy(np.load(path, allow_pickle=False).astype(np.float64))
    if kind in (".safetensors", ".pt"):
        if kind == ".pt":
            loaded = torch.load(path, map_location="cpu", weights_only=True)
            tensors = list(loaded.values()) if isinstance(loaded, dict) else [loaded]
            for x in tensors:  # a tensor that repeats its numbers takes memory when it is converted
                if isinstance(x, Tensor) and x.numel() * x.element_size() > x.untyped_storage().nbytes():
                    raise DataError(f"{path}: promises {x.numel()} numbers, more than the file holds")
        else:
            from safetensors.torch import load_file

            tensors = list(load_file(path).values())
        if len(tensors) != 1 or not isinstance(tensors[0], Tensor):
            raise DataError(f"{path}: expected one tensor, got {len(tensors)} entries")
        return tensors[0].to(torch.float64)
    return torch.from_numpy(_text(path.read_text(encoding="utf-8"), path))


def _text(text: str, path: Path) -> np.ndarray:
    lines = [line.split("#")[0].replace(",", " ").replace(";", " ").split() for line in text.splitlines()]
    lines = [line for line in lines if line]
    if lines and not _is_number(lines[0][0]):
        lines = lines[1:]  # a header
    if not lines or len({len(line) for line in lines}) > 1:
        raise DataError(f"{path}: expected rows of equally many numbers")
    return np.array(lines, dtype=np.float64)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
