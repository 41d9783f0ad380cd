"""Reading a stranger's exported program: checked part by part, written anew from what was checked, and then read."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.export.pt2_archive import PT2ArchiveWriter

from haar.errors import DataError
from haar.programs import graph
from haar.programs.archive import read_entries
from haar.programs.pickles import refuse_objects
from haar.programs.tensors import older_payload, payload

_GRAPH = "models/model.json"
_EXAMPLE = "data/sample_inputs/model.pt"
#: Where the tables of tensors stand, where their numbers lie and how these are named.
_TABLES = {
    "data/weights/model_weights_config.json": ("data/weights/", "weight_"),
    "data/constants/model_constants_config.json": ("data/constants/", "tensor_"),
}
#: What the first torch with this format wrote instead of a table and numbers.
_OLDER = "model.pt"
_ENTRIES = frozenset(
    {_GRAPH, _EXAMPLE, *_TABLES, *(folder + _OLDER for folder, _ in _TABLES.values())}
    | {"archive_format", "archive_version", "byteorder", ".data/version", ".data/serialization_id", "version"}
)
_NUMBERS = re.compile(r"data/weights/weight_\d{1,6}|data/constants/tensor_\d{1,6}", re.ASCII)
#: Notes that the writer of a program may add. They are not looked at.
_NOTE = re.compile(r"extra/.{1,200}")
_FORMATS = {"archive_format": b"pt2", "archive_version": b"0", "byteorder": b"little"}


def read_program(path: Path) -> torch.export.ExportedProgram:
    """Read an exported program, of which nothing runs while it is read.

    torch is given a copy that is made of the checked parts alone: the graph as its grammar allows it, without guards
    and notes, and raw numbers. The stranger's own file is never handed to it.

    Args:
        path: A ``.pt2`` file, as `torch.export.save` writes it.

    Raises:
        DataError: If there is no such file, it is no exported program, or it holds anything that would be unpickled,
            imported, compiled or evaluated, or an operator that does more than compute on tensors.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            copy = _copied(read_entries(file, _check_entry))
        with _quiet():
            return torch.export.load(copy)
    except DataError as error:
        raise DataError(f"{path}: not a readable torch.export file: {error}") from error
    except Exception as error:  # torch raises every kind for a graph that does not fit together
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise DataError(f"{path}: not a readable torch.export file ({reason})") from error


def _check_entry(name: str) -> None:
    if name in _ENTRIES or _NUMBERS.fullmatch(name) or _NOTE.fullmatch(name):
        return
    if name.startswith("data/aotinductor/"):
        raise DataError(f"{name} is of a compiled library, which would run; export the model itself")
    if name.startswith(("data/constants/custom_obj", "data/constants/opaque_obj")):
        raise DataError(f"{name} is a pickled object, which could run code; export a model of plain tensors")
    if name.startswith("models/"):
        raise DataError(f"{name}: a second model, or one under another name; write it with torch.export.save")
    if "/" not in name and name.startswith("serialized_"):
        raise DataError(f"{name}: the format of torch 2.7 and older; export the model again")
    raise DataError(f"{name!r} is no entry that torch.export.save writes")


def _copied(entries: dict[str, bytes]) -> io.BytesIO:
    for name, expected in _FORMATS.items():
        if entries.get(name, b"").strip() != expected:
            raise DataError(f"{name}: expected {expected.decode()}, got {entries.get(name, b'nothing')[:20]!r}")
    if not entries.get("version", b"0").strip().isdigit():  # how plain archives of torch are numbered
        raise DataError(f"version: expected a number, got {entries['version'][:20]!r}")
    if _GRAPH not in entries:
        raise DataError(f"{_GRAPH} is missing")
    parts = {_GRAPH: graph.program(entries[_GRAPH], _GRAPH), _EXAMPLE: b""}
    for name, (folder, prefix) in _TABLES.items():
        older = folder + _OLDER
        if (name in entries) == (older in entries):
            raise DataError(f"{name} is missing" if name not in entries else f"{name} and {older}: tensors twice")
        if older in entries:
            parts[name], numbers = older_payload(entries[older], older, folder, prefix)
            parts |= numbers
        else:
            parts[name], read = payload(entries[name], name, folder, entries)
            parts |= {each: entries[each] for each in read}
    refuse_objects(entries.get(_EXAMPLE, b""), _EXAMPLE)
    copy = io.BytesIO()
    with PT2ArchiveWriter(copy) as writer:
        for name, stored in parts.items():
            writer.write_bytes(name, stored)
    copy.seek(0)
    return copy


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from printing a traceback of its own where the error is told here."""
    loggers = [logging.getLogger(name) for name in ("torch.export", "torch._export")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
