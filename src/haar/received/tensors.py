"""Tensors by name: safetensors, and torch's own format without anything that would be unpickled."""

from __future__ import annotations

import os
import pickle
import re
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from haar.errors import DataError
from haar.received.claim import check_claim, check_file

#: How torch names what a file would have to be unpickled for.
_OBJECT = re.compile(r"GLOBAL ([\w.]+)")


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a ``.safetensors`` file.

    Args:
        path: Path of the ``.safetensors`` file.

    Returns:
        The tensors by name, on the CPU, and the text entries of the header.

    Raises:
        DataError: If it is missing, is no such file, or its header promises more than it holds.
    """
    import safetensors

    file = check_file(path)
    try:
        with safetensors.safe_open(file, framework="pt") as stored:
            head = dict(stored.metadata() or {})
            return {name: stored.get_tensor(name) for name in stored.keys()}, head  # noqa: SIM118 (its own keys)
    except Exception as error:  # its own kinds, and torch's for a dtype that it lacks
        raise DataError(f"{path}: not a readable safetensors file ({_brief(error)})") from error


def read_pickled_tensors(path: str | os.PathLike[str]) -> Any:
    """Read a ``.pt`` or ``.pth`` file that holds tensors, numbers, text and containers of these alone.

    Args:
        path: Path of the file of ``torch.save``.

    Raises:
        DataError: If it is missing, is no such file, would have to be unpickled, or a tensor is larger than what is
            stored of it.
    """
    file = check_file(path)
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises every kind for a damaged file
        raise DataError(f"{path}: not a file of tensors alone ({_brief(error)}); nothing is unpickled") from error
    _check_stored(found, str(path), 0)
    return found


def array_tensor(array: Shaped[np.ndarray, "..."], what: str) -> Shaped[Tensor, "..."]:
    """A tensor of an array of real numbers or truth values, in this machine's byte order.

    Args:
        array: As it was read.
        what: The file and the part of it, for the message.

    Raises:
        DataError: If it holds anything else.

    Example:
        >>> array_tensor(np.array([1, 2], dtype=">i4"), "a.npy").tolist()
        [1, 2]
    """
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise DataError(f"{what}: expected real numbers, got {array.dtype}")
    return torch.from_numpy(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")).reshape(array.shape))


def _check_stored(found: Any, path: str, depth: int) -> None:
    """A tensor of stride 0 claims any number of elements, and stores one."""
    if depth > 20:
        raise DataError(f"{path}: more than 20 containers within each other")
    if isinstance(found, Tensor) and found.layout is torch.strided and found.device.type == "cpu":
        size = found.element_size()
        check_claim(f"{path}: a tensor {tuple(found.shape)}", found.numel() * size, found.untyped_storage().nbytes())
    elif isinstance(found, Tensor):
        raise DataError(f"{path}: expected tensors of values, got one that is {found.layout} on {found.device}")
    elif isinstance(found, dict):
        for value in found.values():
            _check_stored(value, path, depth + 1)
    elif isinstance(found, (list, tuple)):
        for value in found:
            _check_stored(value, path, depth + 1)


def _brief(error: Exception) -> str:
    """What a message quotes of an error; of torch's advice how to unpickle a file nothing."""
    if isinstance(error, pickle.UnpicklingError):
        named = _OBJECT.search(str(error))
        return f"it holds an object, {named[1]}" if named else "it holds objects, or is no file of torch.save"
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]
