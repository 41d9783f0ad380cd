"""Tables and archives as engineers have them, through the commands that a first try takes."""

from __future__ import annotations

import json
import sys

import h5py
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
    np.savetxt("named.csv", np.c_[x[:, 0], (x**2).sum(1), x[:, 1]], delimiter=",", header="v x,E,v y", comments="")
    with h5py.File("rows.h5", "w") as file:
        file["x"], file["y"] = x.astype("float32"), (x**2).sum(1).astype("float32")
    with h5py.File("deep.h5", "w") as file:
        file["run/v"], file["run/E"] = x.astype("float32"), (x**2).sum(1).astype("float32")
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


def told(capsys, *words):
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("verb", ["audit", "check"])
def test_labels_are_the_same_wherever_they_stand(tables, capsys, verb):
    forms = (
        ("rows.npz",),
        ("rows.h5",),
        ("deep.h5:run/v,run/E",),
        ("labelled.csv", "--labels", "2"),
        ("labelled.csv", "--labels=-1"),
        ("named.csv", "--labels", "E"),
        ("deep.h5:run/v,run/E", "--labels", "y"),
    )
    found = [told(capsys, verb, "table_models:make", *form, "--group", "C4") for form in forms]
    numbers = [each["mse"]["value"] if verb == "audit" else each["measured"]["loss_before"]["value"] for each in found]
    assert numbers == pytest.approx([numbers[0]] * len(forms), rel=1e-5)
    assert numbers[0] > 0


def test_labels_are_left_out_of_what_is_discovered(tables, capsys):
    found = [
        told(capsys, "discover", "table_models:make", *form)
        for form in (("rows.npz",), ("labelled.csv", "--labels", "2"))
    ]
    assert found[0]["samples"] == found[1]["samples"]


@pytest.mark.parametrize(
    ("data", "labels", "words"),
    [
        (
            "named.csv",
            "energy",
            "--labels: expected columns of named.csv: headings (v x, E, v y) or numbers 0 to 2, got 'energy'",
        ),
        ("labelled.csv", "3", "--labels: expected columns of labelled.csv: headings or numbers 0 to 2, got '3'"),
        ("labelled.csv", "-4", "numbers 0 to 2, got '-4'"),
        ("labelled.csv", "0,1,2", "--labels: expected columns beside which there are inputs, got '0,1,2'"),
        ("rows.npz", "E", "rows.npz: no E; it holds x, y"),
        (
            "deep.h5",
            "y",
            "deep.h5: no x (x, inputs, input); it holds run/E (60,), run/v (60, 2); name inputs and labels",
        ),
    ],
)
def test_labels_that_are_not_there_are_one_line(tables, capsys, data, labels, words):
    assert main(["audit", "table_models:make", data, "--group", "C4", f"--labels={labels}"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words in line


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
        (
            "linear",
            "labelled.csv",
            "labels stand beside inputs as x and y in .npz or .h5, or in columns that --labels names",
        ),
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


def test_a_column_that_tells_trajectories_makes_them_the_independent_units(tables, capsys):
    x = np.random.default_rng(1).standard_normal((60, 2))
    rows = [f"{a},{b},{a * a + b * b},day {k // 10}" for k, (a, b) in enumerate(x.tolist())]
    (tables / "days.csv").write_text("\n".join(["a,b,E,day", *rows]))
    given = ["table_models:make", "days.csv", "--labels", "E", "--trajectories", "day", "--group", "C4"]
    assert main(["check", *given, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["measured"]["units"] == 3  # of six days; without the option 30 of 60 rows
    assert "--trajectories 'day'" in told["commands"][0]
    assert main(["audit", *given, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trajectories"] == 6
    assert main(["discover", *given[:-2], "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["kind"] == "discovery"
    assert main(["audit", *given[:5], "no", *given[6:]]) == 2
    assert "--trajectories: expected columns of days.csv: headings (a, b, E, day)" in capsys.readouterr().err
