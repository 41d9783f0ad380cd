"""``org/name``: a folder as the Hugging Face hub lays it out, found here on disk; nothing is downloaded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from haar.errors import ArgumentError, DataError
from haar.received import read_pickled_tensors, read_tensors

_WHOLE = ("model.safetensors", "pytorch_model.bin")


def is_hub_name(text: str) -> bool:
    """Whether a text looks like the name of a model on a hub.

    Example:
        >>> is_hub_name("polymathic-ai/FNO"), is_hub_name("model.pt2"), is_hub_name("net:make")
        (True, False, False)
    """
    return re.fullmatch(r"[\w.-]+/[\w.-]+", text) is not None and not text.endswith((".pt2", ".safetensors"))


def model_in_folder(text: str) -> str:
    """The file of a folder that holds a whole model: its one ``.pt2``; else what the user gave.

    Args:
        text: What the user gave for MODEL.

    Raises:
        ArgumentError: If it is a folder without a whole model, or the name of one that is not here.
    """
    folder = Path(text)
    if ":" in text or not (folder.is_dir() or (is_hub_name(text) and not folder.exists())):
        return text
    if not folder.exists():
        raise ArgumentError(
            "MODEL",
            expected="a folder that is here",
            got=repr(text),
            way_out=f"nothing is downloaded: hf download {text} --local-dir {text}",
        )
    programs = sorted(folder.glob("*.pt2"))
    if len(programs) == 1:
        return str(programs[0])
    if programs:
        names = ", ".join(one.name for one in programs)
        raise ArgumentError("MODEL", expected="a folder with one .pt2 file", got=f"{text} with {names}")
    kind = "weights alone, and no code" if _weights(folder) is not None else "no .pt2 file"
    raise ArgumentError(
        "MODEL",
        expected="a folder with a .pt2 file",
        got=f"{text}, which has {kind}",
        way_out=f"give the code as module:factory, and --weights {text}",
    )


def folder_weights(folder: Path) -> Mapping[str, Any]:
    """The tensors of a folder, of all its shards.

    Raises:
        DataError: If there are none, or a shard is missing.
    """
    found = _weights(folder)
    if found is None:
        raise DataError(f"{folder}: no weights; expected {' or '.join(_WHOLE)}, whole or with an index of shards")
    if found.name in _WHOLE:
        return _read(found)
    try:
        shards = json.loads(found.read_text(encoding="utf-8"))["weight_map"]
        files = sorted(set(shards.values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{found}: not an index of shards (weight_map: name to file)") from error
    tensors: dict[str, Tensor] = {}
    for name in files:
        if not isinstance(name, str) or Path(name).name != name:
            raise DataError(f"{found}: a shard outside the folder: {name!r}")
        tensors.update(_read(folder / name))
    return tensors


def _weights(folder: Path) -> Path | None:
    names = [*_WHOLE, *(f"{name}.index.json" for name in _WHOLE)]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read(path: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = read_tensors(path)[0] if path.suffix == ".safetensors" else read_pickled_tensors(path)
    return found
