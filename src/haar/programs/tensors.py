"""Weights and constants of an exported program: raw numbers, whose claimed sizes are checked against what is stored."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from haar.errors import DataError
from haar.programs.grammar import boolean, listed, mapped, optional, parse, record, refusal, text, union, whole
from haar.programs.graph import DEVICE, DTYPE, STRIDED, attribute
from haar.programs.pickles import refuse_objects

#: Types by their number in the format.
_DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    9: torch.complex32,
    10: torch.complex64,
    11: torch.complex128,
    12: torch.bool,
    13: torch.bfloat16,
    28: torch.uint16,
    29: torch.float8_e4m3fn,
    30: torch.float8_e5m2,
    31: torch.float8_e4m3fnuz,
    32: torch.float8_e5m2fnuz,
    34: torch.uint32,
    35: torch.uint64,
}
_NUMBERS = {dtype: number for number, dtype in _DTYPES.items()}


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
        where: Name of the entry, for messages.
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
    if meta["dtype"] not in _DTYPES:
        raise DataError(f"{where}: {key} is of a type that is not known here")
    dtype = _DTYPES[meta["dtype"]]
    width, needed = dtype.itemsize, 0
    if 0 not in sizes:
        reach = sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        needed = (meta["storage_offset"]["as_int"] + reach + 1) * width
    if needed > len(numbers) or len(numbers) % width:
        raise DataError(f"{where}: {key} promises {needed} bytes, and {len(numbers)} are stored")
    if dtype == torch.bool and numbers.translate(None, b"\0\1"):
        raise DataError(f"{where}: {key} has truth values that are neither 0 nor 1")


def older_payload(stored: bytes, where: str, folder: str, prefix: str) -> tuple[bytes, dict[str, bytes]]:
    """Tensors in the one file of `torch.save` that the first torch with this format wrote, as a table and raw numbers.

    Args:
        stored: Contents of the file.
        where: Name of the entry, for messages.
        folder: Where the raw numbers shall lie.
        prefix: How their names shall begin.

    Raises:
        DataError: If it holds anything but tensors by their names.
    """
    refuse_objects(stored, where)
    try:
        state = torch.load(io.BytesIO(stored), map_location="cpu", weights_only=True) if stored else {}
    except Exception as error:
        raise DataError(f"{where}: no tensors that can be read ({' '.join(str(error).split())[:100]})") from error
    table: dict[str, Any] = {}
    paths: dict[int, str] = {}
    numbers: dict[str, bytes] = {}
    if not isinstance(state, dict):
        raise DataError(f"{where}: expected tensors by their names, got {type(state).__name__}")
    for key, value in state.items():
        if not isinstance(value, Tensor) or value.layout != torch.strided or value.dtype not in _NUMBERS:
            raise DataError(f"{where}: {key} is no dense tensor")
        if value.is_conj() or value.is_neg() or value.device.type != "cpu":
            raise DataError(f"{where}: {key} is not stored as it is")
        storage = value.untyped_storage()
        path = paths.setdefault(storage.data_ptr() or -len(paths) - 1, f"{prefix}{len(paths)}")
        if folder + path not in numbers:
            numbers[folder + path] = torch.empty(0, dtype=torch.uint8).set_(storage).numpy().tobytes()
        table[key] = {
            "path_name": path,
            "is_param": isinstance(value, nn.Parameter),
            "use_pickle": False,
            "tensor_meta": {
                "dtype": _NUMBERS[value.dtype],
                "sizes": [{"as_int": size} for size in value.shape],
                "requires_grad": value.requires_grad,
                "device": {"type": "cpu", "index": None},
                "strides": [{"as_int": stride} for stride in value.stride()],
                "storage_offset": {"as_int": value.storage_offset()},
                "layout": 7,
            },
        }
    checked, _ = payload(json.dumps({"config": table}).encode(), where, folder, numbers)
    return checked, numbers
