"""``torch.export`` files from strangers: what could run code while it is read is refused before anything is read."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from haar.errors import DataError

# Symbolic sizes are evaluated when a program is read. Allowed are symbols (s0, u3, quoted or not) and their properties,
# numbers, arithmetic and functions of sympy, whose names begin with a capital letter; no attribute, no other string.
_QUOTED = re.compile(r"'([su]\d+|zuf\d+)'")
_NAME = re.compile(r"[A-Za-z_]\w*")
_SIZE = re.compile(r"[su]\d+|zuf\d+|(int_)?oo|positive|integer|nonnegative|[A-Z][A-Za-z]*")
_SYMBOLS = re.compile(r"[\w\s+\-*/(),.<>=!%]*")


def load_program(path: Path) -> torch.export.ExportedProgram:
    """Read an exported program.

    Args:
        path: A ``.pt2`` file, as `torch.export.save` writes it.

    Raises:
        DataError: If there is no such file, it is no exported program, or it holds anything that would be unpickled or
            evaluated as code.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_code(archive, path)
        return torch.export.load(path)
    except DataError:
        raise
    except Exception as error:  # torch raises every kind for a damaged file
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise DataError(f"{path}: not a readable torch.export file ({reason})") from error


def refuse_code(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse an archive that reading would unpickle or evaluate.

    Args:
        archive: The opened file.
        path: Its name, for the message.

    Raises:
        DataError: Naming the first entry that is not plain tensors and numbers.
    """
    for name in archive.namelist():
        entry = name.rpartition("/")[2]
        if entry.startswith(("custom_obj", "opaque_obj")):
            raise DataError(
                f"{path}: {name} is a pickled object, which could run code; export a model of plain tensors"
            )
        if entry.endswith(".pt"):
            _refuse_pickle(archive.read(name), name, path)
        elif entry.endswith(".json"):
            for key, value in _entries(json.loads(archive.read(name))):
                if key == "use_pickle" and value:
                    raise DataError(f"{path}: {name} has pickled tensors, which could run code; export plain tensors")
                if key == "expr_str" and not _is_size(value):
                    raise DataError(f"{path}: {name} has a size that is no arithmetic: {value!r}")


def _refuse_pickle(stored: bytes, name: str, path: Path) -> None:
    if stored:
        try:
            torch.load(io.BytesIO(stored), weights_only=True)
        except Exception as error:
            raise DataError(f"{path}: {name} is not plain tensors, and could run code when read") from error


def _entries(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key, value
            yield from _entries(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _entries(value)


def _is_size(text: object) -> bool:
    if not isinstance(text, str):
        return False
    text = _QUOTED.sub(r"\1", text)
    if not _SYMBOLS.fullmatch(text) or re.search(r"[A-Za-z_)]\s*\.", text):
        return False
    return all(_SIZE.fullmatch(name) for name in _NAME.findall(text))
