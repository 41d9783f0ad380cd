"""An exported program taken apart, to be put together again with one thing changed."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.export.pt2_archive import PT2ArchiveWriter

sys.path.insert(0, str(Path(__file__).parent))

OWN = ("archive_format", "archive_version", "byteorder", ".data/version", ".data/serialization_id")


class Small(nn.Module):
    """Weights, a buffer, a constant, sizes in the arithmetic, outputs that nest."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.register_buffer("shift", torch.ones(3), persistent=False)
        self.constant = torch.arange(3.0)

    def forward(self, x):
        with torch.no_grad():
            y = self.linear(x)
        half = x.shape[0] // 2
        z = y.reshape(half, 6).repeat(1, 1).reshape(2 * half, 3) * (x.shape[0] * 0.5)
        masked = self.constant.masked_fill(self.constant > 1, float("-inf")).clamp(min=-5)
        return {"z": z + self.shift + masked, "rest": (x, None)}


@pytest.fixture(scope="session")
def exported():
    """The program as torch exports it, with a free batch."""
    torch.manual_seed(0)
    batch = 2 * torch.export.Dim("half")
    return torch.export.export(Small().eval(), (torch.randn(4, 3),), dynamic_shapes=({0: batch},))


@pytest.fixture(scope="session")
def parts(exported):
    """Its file, as torch writes it: contents by name, without the folder."""
    stored = io.BytesIO()
    torch.export.save(exported, stored, extra_files={"note.txt": "hello"})
    with zipfile.ZipFile(stored) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def ran(tmp_path):
    """A file that code in a stranger's program would make."""
    return tmp_path / "RAN"


@pytest.fixture
def put_together(parts, tmp_path) -> Callable[..., Path]:
    """Write the file with entries changed: a function of the parsed graph, and contents by name."""

    def write(change=None, **others) -> Path:
        entries = dict(parts)
        if change is not None:
            described = json.loads(entries["models/model.json"])
            change(described)
            entries["models/model.json"] = json.dumps(described).encode()
        entries |= {name.replace("__", "/").replace("_DOT_", "."): stored for name, stored in others.items()}
        path = tmp_path / "model.pt2"
        with PT2ArchiveWriter(str(path)) as writer:
            for name, stored in entries.items():
                if name not in OWN and stored is not None:
                    writer.write_bytes(name, stored)
        return path

    return write
