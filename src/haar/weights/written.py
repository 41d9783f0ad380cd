"""Parameters written to a file one after the other: those of a mapping that computes them may be larger than memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.files import atomic_path

_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
#: Bytes that what the header says of a tensor may take beside its name: type, shape and place.
_SAID = 256
_ALIGNED = 8


def write_weights(path: str | os.PathLike[str], state: Mapping[str, Tensor]) -> Path:
    """Write parameters as a ``.safetensors`` file, whole or not at all, one tensor in memory at a time.

    Args:
        path: The file.
        state: Parameters by name.

    Raises:
        ArgumentError: If a tensor is of a type that such files do not have.
    """
    target = Path(path)
    with atomic_path(target) as part, part.open("wb") as file:
        room = sum(len(json.dumps(name)) + _SAID for name in state) + _SAID
        room += -room % _ALIGNED
        file.seek(8 + room)
        said: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        place = 0
        for name, tensor in _aligned(state):
            size = _write(file, tensor)
            said[name] = {
                "dtype": _NAMES[tensor.dtype],
                "shape": list(tensor.shape),
                "data_offsets": [place, place + size],
            }
            place += size
        file.seek(0)
        file.write(room.to_bytes(8, "little"))
        file.write(json.dumps(said, separators=(",", ":")).encode().ljust(room))
    return target


def _aligned(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """All tensors, those whose size would leave the next ones between two words last, the longest numbers first."""
    odd = []
    for name in state:
        tensor = state[name].detach()
        if tensor.dtype not in _NAMES:
            raise ArgumentError(f"state: {name}", expected="real numbers, whole ones or bits", got=str(tensor.dtype))
        if tensor.numel() * tensor.element_size() % _ALIGNED:
            odd.append((name, tensor.clone()))
        else:
            yield name, tensor
    yield from sorted(odd, key=lambda one: -one[1].element_size())


def _write(file: IO[bytes], tensor: Tensor) -> int:
    """The bytes of a tensor, row-major, without a copy where it is stored so."""
    plain = tensor.cpu().contiguous().reshape(-1).view(torch.uint8)
    return file.write(plain.numpy().data)
