"""A small data set and small models in every form that the command reads."""

from __future__ import annotations

import sys

import pytest
import torch
from safetensors.torch import save_file

from haar.data.well.examples import small_well
from haar.systems.group_averaging.surrogates import save, unet

FACTORY = '''
import torch


class Net(torch.nn.Module):
    """Two time steps of a tracer and a velocity to the next."""

    def __init__(self, padding_mode="zeros", steps=2):
        super().__init__()
        self.conv = torch.nn.Conv2d(3 * steps, 3, 3, padding=1, padding_mode=padding_mode)
        self.dropout = torch.nn.Dropout(0.5)

    def forward(self, x):
        return self.dropout(self.conv(x))


def make(padding_mode="zeros", steps=2):
    torch.manual_seed(0)
    return Net(padding_mode, steps)


def noisy():
    class Noisy(Net):
        def forward(self, x):
            return self.conv(x) + torch.rand_like(x[:, :3])

    return Noisy()


def three():
    return torch.nn.Conv2d(6, 4, 3, padding=1)


def nowhere():
    class Nowhere(Net):
        def forward(self, x):
            return self.conv(x) / 0 * 0

    return Nowhere()


def one():
    return torch.nn.Conv2d(1, 1, 3, padding=1)


def number():
    return 3


def broken(size):
    return torch.nn.Conv2d(6, 3, 3)
'''


@pytest.fixture(scope="session")
def well():
    """Tracer and velocity on 8 x 8 points, 5 trajectories of 6 steps in each split."""
    with small_well(trajectories=5) as root:
        yield root


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with a module of factories, its weights, an exported program and a saved surrogate."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name == "my_models"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "my_models.py").write_text(FACTORY)
    state = torch.random.get_rng_state()
    import my_models

    model = my_models.make().eval()
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    torch.save({"epoch": 3, "state_dict": model.state_dict()}, tmp_path / "nested.pt")
    batch = {0: torch.export.Dim("batch")}
    torch.export.save(torch.export.export(model, (torch.zeros(2, 6, 8, 8),), dynamic_shapes=(batch,)), "free.pt2")
    torch.export.save(torch.export.export(model, (torch.zeros(1, 6, 8, 8),)), "fixed.pt2")
    save(unet(6, 3, width=2, levels=1), "surrogate.safetensors")
    torch.random.set_rng_state(state)
    return tmp_path
