"""Checkpoints as files: parameters by name, the configuration beside them, and nothing unpickled."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
from torch import Tensor

from haar.errors import DataError
from haar.received import read_pickled_tensors

_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"
_INDICES = ".safetensors.index.json"


class Checkpoint(Mapping[str, Tensor]):
    """Parameters that are read from files when they are asked for, so that they may be larger than memory.

    Args:
        path: A ``.safetensors`` file, a ``.pt``, ``.pth`` or ``.bin`` file of tensors alone (which is read whole), or a
            folder that holds ``model.safetensors`` or its parts with their index, or such an index.

    Attributes:
        path: The file or folder.
        config: What stands in ``config.json`` beside the parameters; empty where there is none.

    Raises:
        DataError: If a file is missing, damaged, would have to be unpickled, or is no state dict.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        folder = self.path if self.path.is_dir() else self.path.parent
        self.config = read_config(folder / "config.json") if (folder / "config.json").is_file() else {}
        self._whole: Mapping[str, Tensor] | None = None
        self._place: dict[str, Path] = {}
        if self.path.is_dir():
            for file in _parts(self.path):
                self._open(file)
        elif self.path.suffix == ".safetensors":
            self._open(self.path)
        elif self.path.name.endswith(_INDICES):
            for file in _indexed(self.path):
                self._open(file)
        else:
            self._whole = _state(read_pickled_tensors(self.path), self.path)

    def _open(self, file: Path) -> None:
        try:
            with safetensors.safe_open(file, framework="pt") as stored:
                names = list(stored.keys())
        except Exception as error:  # its own kinds
            told = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"{file}: not a readable safetensors file ({told})") from error
        self._place.update(dict.fromkeys(names, file))

    def __getitem__(self, name: str) -> Tensor:
        if self._whole is not None:
            return self._whole[name]
        file = self._place[name]
        try:  # a file is mapped for as long as one of its tensors is there: what was read is given back
            with safetensors.safe_open(file, framework="pt") as stored:
                found: Tensor = stored.get_tensor(name)
        except Exception as error:
            raise DataError(f"{file}: {name} cannot be read ({error})") from error
        return found

    def __contains__(self, name: object) -> bool:
        return name in (self._place if self._whole is None else self._whole)

    def __iter__(self) -> Iterator[str]:
        return iter(self._place if self._whole is None else self._whole)

    def __len__(self) -> int:
        return len(self._place if self._whole is None else self._whole)


def _parts(folder: Path) -> list[Path]:
    if (folder / _SINGLE).is_file():
        return [folder / _SINGLE]
    index = folder / _INDEX
    if not index.is_file():
        raise DataError(f"{folder}: expected {_SINGLE} or {_INDEX} in it, got neither")
    return _indexed(index)


def _indexed(index: Path) -> list[Path]:
    """The files that an index names."""
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{index}: no index of the parts of a checkpoint") from error
    if not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise DataError(f"{index}: expected names of files beside it, got others")
    return [index.parent / name for name in sorted(names)]


def read_config(file: Path) -> Mapping[str, Any]:
    """What stands in a ``config.json``.

    Args:
        file: The file.

    Raises:
        DataError: If it cannot be read, or is no JSON object.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file}: no configuration in JSON ({' '.join(str(error).split())})") from error
    if not isinstance(found, dict):
        raise DataError(f"{file}: expected an object, got {type(found).__name__}")
    return found


def _state(found: Any, path: Path) -> Mapping[str, Tensor]:
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        named = ""
        if isinstance(found, Mapping):
            inner = [str(name) for name, value in found.items() if isinstance(value, Mapping)]
            named = f"; save what is at {', '.join(map(repr, inner))} alone" if inner else ""
        raise DataError(f"{path}: not a state dict, whose values are tensors{named}")
    return found
