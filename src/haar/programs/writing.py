"""Writing an exported program: the same model gives the same bytes every time, and a full disk is one plain error."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch.export.pt2_archive import PT2ArchiveWriter

from haar.errors import HaarError
from haar.files import write_bytes
from haar.programs.archive import read_entries

#: Written by the archive's writer itself.
_OWN = frozenset({"archive_format", "archive_version", "byteorder", ".data/version", ".data/serialization_id"})
#: Notes on a node that tell of the machine and the process that traced it.
_PASSING = ("stack_trace", "from_node")


def program_bytes(program: torch.export.ExportedProgram, notes: Mapping[str, str] | None = None) -> bytes:
    """An exported program as the bytes of a ``.pt2`` file, which `torch.export.load` reads.

    torch names the folder inside such a file after the file, and notes where on this machine each operation was
    traced; here the folder has one name, and such notes are left out.

    Args:
        program: What `torch.export.export` returned.
        notes: Texts to store beside it, by name.

    Raises:
        HaarError: If torch cannot write it.

    Example:
        >>> make = lambda: torch.export.export(torch.nn.ReLU(), (torch.zeros(2),))
        >>> program_bytes(make()) == program_bytes(make())
        True
    """
    stored = io.BytesIO()
    try:
        torch.export.save(program, stored, extra_files=dict(notes or {}))
    except Exception as error:  # every kind, for inputs and outputs of classes that it does not know
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        message = f"torch.export cannot write this model: {type(error).__name__}: {lines[0] if lines else ''}"
        raise HaarError(message) from error
    entries = read_entries(stored, lambda _: None)
    made = io.BytesIO()
    with PT2ArchiveWriter(made) as writer:
        for name, content in entries.items():
            if name not in _OWN:
                writer.write_bytes(name, _without_passing(content) if name == "models/model.json" else content)
    return made.getvalue()


def write_program(
    program: torch.export.ExportedProgram, path: str | os.PathLike[str], notes: Mapping[str, str] | None = None
) -> None:
    """Write an exported program, whole or not at all (see `program_bytes`).

    Args:
        program: What `torch.export.export` returned.
        path: Where to write.
        notes: Texts to store beside it, by name.

    Raises:
        HaarError: If torch cannot write it.
        OSError: If the disk is full, or the folder cannot be written to.
    """
    write_bytes(path, program_bytes(program, notes))


def _without_passing(description: bytes) -> bytes:
    tree = json.loads(description)
    _strip(tree)
    return json.dumps(tree).encode()


def _strip(tree: Any) -> None:
    if isinstance(tree, dict):
        notes = tree.get("metadata")
        if isinstance(notes, dict):
            for key in _PASSING:
                notes.pop(key, None)
        for value in tree.values():
            _strip(value)
    elif isinstance(tree, list):
        for value in tree:
            _strip(value)
