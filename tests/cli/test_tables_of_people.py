"""Tables and archives as engineers have them, through the commands that a first try takes."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from haar.cli.app import main

MODELS = """
import torch


class Leaning(torch.nn.Module):
    def __init__(self, kind="plain"):
        super().__init__()
        self.kind = kind
        self.weight = torch.nn.Parameter(torch.tensor(0.3))

    def forward(self, x):
        y = x.square().sum(1, keepdim=True) + self.weight * x[:, :1]
        return {"plain": y, "named": {"y": y}, "two": (y, y)}[self.kind]


def make():
    return Leaning()


def half():
    return Leaning().half()


def named():
    return Leaning("named")


def two():
    return Leaning("two")


class Heights(torch.nn.Module):
    def forward(self, x):
        return x[..., 2].square().sum(1, keepdim=True)


def heights():
    return Heights()


class Asked:
    implemented_properties = ["energy"]


def calculator():
    return Asked()


def linear():
    return torch.nn.Linear(2, 1)
"""


@pytest.fixture
def tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "table_models.py").write_text(MODELS)
    x = np.random.default_rng(0).standard_normal((60, 2))
    np.savez("rows.npz", x=x.astype("float32"), y=(x**2).sum(1).astype("float32"))
    np.savetxt("rows.csv", x, delimiter=",", header="a,b", comments="")
    np.savetxt("labelled.csv", np.c_[x, (x**2).sum(1)], delimiter=",")
    yield tmp_path
    sys.modules.pop("table_models", None)


def test_a_table_is_audited_as_it_is_checked(tables, capsys):
    assert main(["audit", "table_models:make", "rows.csv", "--group", "D4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 60


def test_one_number_a_row_labels_an_output_of_one_column(tables, capsys):
    assert main(["audit", "table_models:make", "rows.npz", "--group", "C4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["recommendation"]["verdict"] == "average"
    assert 0 < told["mse_after"]["value"] < told["mse"]["value"]


def test_a_model_in_half_precision_is_checked(tables, capsys):
    assert main(["check", "table_models:half", "rows.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "check"


def test_what_is_told_to_type_next_can_be_typed(tables, capsys):
    assert main(["check", "table_models:make", "rows.npz", "--group", "D4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["action"] == "average"
    assert told["commands"] == ["haar audit table_models:make rows.npz --group 'D4' --out audit/"]


@pytest.mark.parametrize("verb", ["audit", "check"])
@pytest.mark.parametrize(
    ("model", "data", "words"),
    [
        ("named", "rows.npz", "MODEL: expected one tensor as output, got dict; let module:factory return a module"),
        ("two", "rows.npz", "MODEL: expected one tensor as output, got tuple; let module:factory return a module"),
        ("linear", "labelled.csv", "expected a model of inputs (rows, 3), got RuntimeError: mat1 and mat2 shapes"),
        ("linear", "labelled.csv", "labels stand beside inputs in an .npz, as x and y"),
        ("linear", "table_models.py", "table_models.py: "),
    ],
)
def test_what_does_not_fit_is_one_line(tables, capsys, verb, model, data, words):
    assert main([verb, f"table_models:{model}", data, "--group", "C4"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words in line


def test_frames_of_a_molecule_are_audited_with_a_model_of_positions(tables, capsys):
    pytest.importorskip("ase", reason="the extra chemistry")
    draws = np.random.default_rng(0)
    places = draws.standard_normal((12, 3, 3))
    np.savez("frames.npz", R=places, z=np.array([8, 1, 1]), E=(places**2).sum((1, 2)))
    assert main(["audit", "table_models:heights", "frames.npz", "--group", "SO3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["samples"] == 12
    assert told["mse"]["value"] > 0
    assert main(["audit", "table_models:calculator", "frames.npz", "--group", "SO3"]) == 2
    assert "haar audit --ase, or haar check, takes a calculator" in capsys.readouterr().err
