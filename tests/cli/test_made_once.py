"""A factory that is called to see what it makes is not called again to have it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch

from haar.cli.calculator_entry import calculator_of
from haar.cli.made_once import seen, taken
from haar.cli.model_file import build
from haar.cli.structures import holds_structures, names_calculator

CODE = """
import torch

calls = []


class Still:
    implemented_properties = ["energy", "forces"]
    results = {}

    def get_potential_energy(self, *words):
        return 0.0

    def calculate(self, *words):
        pass


def calculator(scale=1):
    calls.append("calculator")
    return Still()


def network():
    calls.append("network")
    return torch.nn.Linear(3, 3)


def broken():
    raise ValueError("not today")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "counted_models.py").write_text(CODE)
    yield importlib.import_module("counted_models")
    sys.modules.pop("counted_models")


def test_one_command_makes_its_calculator_or_network_once(here):
    assert holds_structures("counted_models:calculator", Path("frames.pt"))
    assert names_calculator("counted_models:calculator")
    assert isinstance(calculator_of("counted_models:calculator"), here.Still)
    assert here.calls == ["calculator"]
    assert not names_calculator("counted_models:network")
    assert build("counted_models:network").in_features == 3
    assert here.calls == ["calculator", "network"]


def test_the_next_one_and_one_with_arguments_are_made_anew(here):
    first = calculator_of("counted_models:calculator")
    assert calculator_of("counted_models:calculator") is not first
    assert names_calculator("counted_models:calculator")
    calculator_of("counted_models:calculator", ["scale=2"])
    assert here.calls == ["calculator"] * 4


def test_what_fails_makes_nothing(here):
    assert seen(here.broken) is None
    assert taken(here.broken) is None
    assert not names_calculator("counted_models:broken")


@pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:DeprecationWarning")  # on importing torch_geometric
def test_a_file_of_graphs_holds_structures_for_a_model_of_positions_too(here, tmp_path):
    geometric = pytest.importorskip("torch_geometric.data", reason="needs the extra haar[graphs]")
    graph = geometric.Data(pos=torch.zeros(2, 3), z=torch.ones(2, dtype=torch.int64))
    torch.save([graph], tmp_path / "graphs.pt")
    torch.save(torch.zeros(4, 3), tmp_path / "table.pt")
    (tmp_path / "other.pt").write_text("no archive")
    found = [
        holds_structures("counted_models:network", tmp_path / f"{name}.pt") for name in ("graphs", "table", "other")
    ]
    assert found == [True, False, False]
