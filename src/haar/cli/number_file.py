"""Tables of numbers in files: text, NumPy's format, or tensors; never a pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import DataError
from haar.received import array_tensor, check_file, read_array, read_pickled_tensors, read_tensors

#: Files that have no headings.
_NUMBERS_ALONE = (".npy", ".safetensors", ".pt", ".pth")


def read_numbers(path: Path) -> Float[Tensor, "..."]:
    """Read one array of numbers as float64.

    Args:
        path: ``.npy``; ``.safetensors`` or ``.pt`` with one tensor; or text, ``.csv`` or ``.txt``, with a header line
            or without.

    Raises:
        DataError: If the file is missing, holds anything but one array of numbers, or would have to be unpickled.
    """
    found = _read(check_file(path))
    if not bool(torch.isfinite(found).all()):
        raise DataError(f"{path}: contains NaN or infinity")
    return found


def read_table(path: Path) -> tuple[Float[Tensor, "..."], list[str]]:
    """A table, and the headings of its columns where it is text with a heading for every one.

    Args:
        path: As `read_numbers` has it.

    Raises:
        DataError: As `read_numbers` does.
    """
    found = read_numbers(path)
    if path.suffix.lower() in _NUMBERS_ALONE or found.ndim != 2:
        return found, []
    first = next((line for line in path.read_text(encoding="utf-8").splitlines() if line.split("#")[0].strip()), "")
    for mark in (",", ";", None):
        words = [word.strip().strip('"') for word in first.split(mark)]
        if len(words) == found.shape[1] and not _is_number(words[0]):
            return found, words
    return found, []


def _read(path: Path) -> Tensor:
    kind = path.suffix.lower()
    if kind == ".npy":
        return array_tensor(read_array(path), str(path)).to(torch.float64)
    if kind in (".safetensors", ".pt"):
        if kind == ".pt":
            loaded = read_pickled_tensors(path)
            tensors = list(loaded.values()) if isinstance(loaded, dict) else [loaded]
            for x in tensors:  # a tensor that repeats its numbers takes memory when it is converted
                if isinstance(x, Tensor) and x.numel() * x.element_size() > x.untyped_storage().nbytes():
                    raise DataError(f"{path}: promises {x.numel()} numbers, more than the file holds")
        else:
            tensors = list(read_tensors(path)[0].values())
        if len(tensors) != 1 or not isinstance(tensors[0], Tensor):
            raise DataError(f"{path}: expected one tensor, got {len(tensors)} entries")
        if tensors[0].is_complex():
            raise DataError(f"{path}: expected real numbers, got {tensors[0].dtype}")
        return tensors[0].to(torch.float64)
    try:
        return torch.from_numpy(_text(path.read_text(encoding="utf-8"), path))
    except (OSError, ValueError) as error:  # not UTF-8, or a word that is no number
        raise DataError(f"{path}: not rows of numbers ({' '.join(str(error).split())[:160]})") from error


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
