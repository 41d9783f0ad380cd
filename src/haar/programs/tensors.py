"""Weights and constants of an exported program: raw numbers, whose claimed sizes are checked against what is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haar.errors import DataError
from haar.programs.grammar import boolean, listed, mapped, optional, parse, record, refusal, text, union, whole
from haar.programs.graph import DEVICE, DTYPE, STRIDED, attribute

_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 2, 7: 4, 8: 8, 9: 4, 10: 8, 11: 16, 12: 1, 13: 2}
_BYTES |= {28: 2, 29: 1, 30: 1, 31: 1, 32: 1, 33: 1, 34: 4, 35: 8}
_BOOL = 12


def _length(value: Any, where: str) -> int:
    found = whole(value, where)
    if found < 0:
        raise refusal(where, "a length", value)
    return found


_KNOWN = union({"as_int": _length})
_META = record(
    {
        "dtype": DTYPE,
        "sizes": listed(_KNOWN),
        "requires_grad": boolean,
        "device": DEVICE,
        "strides": listed(_KNOWN),
        "storage_offset": _KNOWN,
        "layout": STRIDED,
    }
)
_PAYLOAD = record({"path_name": text, "is_param": boolean, "use_pickle": boolean, "tensor_meta": optional(_META)})
_CONFIG = record({"config": mapped(attribute, _PAYLOAD)})


def payload(stored: bytes, where: str, folder: str, entries: Mapping[str, bytes]) -> tuple[bytes, set[str]]:
    """The table of tensors, written anew, and the entries that it reads.

    Args:
        stored: The table as it came.
        where: Its name.
        folder: Where its entries lie.
        entries: Contents of the archive.

    Raises:
        DataError: If a tensor is pickled, missing, or larger than what is stored of it.
    """
    table = _CONFIG(parse(stored, where), where)
    dtypes: dict[str, int] = {}
    for key, entry in table["config"].items():
        meta, path = entry["tensor_meta"], folder + entry["path_name"]
        if entry["use_pickle"] or meta is None:
            raise DataError(f"{where}: {key} is a pickled tensor, which could run code; export plain tensors")
        if path not in entries:
            raise DataError(f"{where}: {key} is missing ({path} is not in the file)")
        if dtypes.setdefault(path, meta["dtype"]) != meta["dtype"]:
            raise DataError(f"{where}: {key} shares {path} with a tensor of another type")
        _check_extent(key, meta, entries[path], where)
    return json.dumps(table).encode(), set(dtypes)


def _check_extent(key: str, meta: Mapping[str, Any], numbers: bytes, where: str) -> None:
    sizes, strides = ([each["as_int"] for each in meta[axis]] for axis in ("sizes", "strides"))
    if len(sizes) != len(strides):
        raise DataError(f"{where}: {key} has {len(sizes)} sizes and {len(strides)} strides")
    width = _BYTES[meta["dtype"]]
    needed = 0
    if 0 not in sizes:
        reach = sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        needed = (meta["storage_offset"]["as_int"] + reach + 1) * width
    if needed > len(numbers) or len(numbers) % width:
        raise DataError(f"{where}: {key} promises {needed} bytes, and {len(numbers)} are stored")
    if meta["dtype"] == _BOOL and numbers.translate(None, b"\0\1"):
        raise DataError(f"{where}: {key} has truth values that are neither 0 nor 1")
