"""A module of entries as a user writes one, in a folder of its own."""

from __future__ import annotations

import sys

import pytest

ENTRIES = """
import torch
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.groups import cyclic


def make(width=8):
    return nn.Sequential(nn.Linear(6, width), nn.Dropout(0.5), nn.Linear(width, 2))


def double():
    return make().double()


def data(count=10):
    x = torch.arange(6.0 * count).reshape(count, 6) / (6 * count)
    return x, x[:, 4:] + 0.1


def pair():
    x, y = data(5)
    return {"train": ((x, x), y)}


def several():
    x, y = data(5)
    return {"train": (x[:3], y[:3]), "validation": (x[3:], y[3:])}


def symmetry():
    vector = Defining(cyclic(4))
    return Symmetry(vector.group, Vector(3 * vector), Vector(vector))


def broken(predicted, target):
    raise ValueError("no such loss")


def three():
    return 3


def bare():
    return nn.Identity()


THREE = 3
"""


@pytest.fixture
def entries(tmp_path, monkeypatch):
    (tmp_path / "own_entries.py").write_text(ENTRIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("own_entries", None)
