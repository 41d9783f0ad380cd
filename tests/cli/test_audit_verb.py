from __future__ import annotations

import html
import json

import h5py
import numpy as np
import pytest

from haar.actions import FieldSpec
from haar.cli.app import main
from haar.data.well.axis import Axis
from haar.data.well.dataset import write_well

MODELS = ["my_models:make", "free.pt2", "fixed.pt2", "surrogate.safetensors"]


@pytest.mark.parametrize("model", MODELS)
def test_every_form_of_model_is_audited(here, well, model, capsys):
    history = ["--history", "2"] if ":" in model else []
    assert main(["audit", model, str(well), "--group", "D4", *history, "--samples", "6", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["group"], found["samples"]) == ("audit", "D4", 6)
    assert len(found["elements"]) == 7
    assert found["mse"]["value"] > 0


def test_the_audit_is_printed_and_written(here, well, capsys):
    arguments = [
        "audit",
        "free.pt2",
        str(well),
        "--group",
        "C4",
        "--fields",
        "tracer, velocity:vector",
        "--out",
        "found",
    ]
    assert main([*arguments, "--samples", "5", "--batch", "2"]) == 0
    out = capsys.readouterr().out
    assert "r90" in out
    assert "report: found/report.html" in out
    written = json.loads((here / "found" / "audit.json").read_text())
    assert html.escape(written["recommendation"]["sentence"]) in (here / "found" / "report.html").read_text()


def test_a_model_that_has_the_symmetry_is_seen(here, well, capsys):
    arguments = ["audit", "my_models:make", str(well), "--history", "2", "--factory-arg", "padding_mode=circular"]
    assert main([*arguments, "--group", "shifts:4", "--samples", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recommendation"]["verdict"] == "nothing to gain"


def test_auto_takes_what_the_files_allow(here, well, capsys):
    assert main(["audit", "free.pt2", str(well), "--group", "auto", "--samples", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["order"] == 8


def test_shifts_act_on_periodic_grids_of_cells_too(here, capsys):
    axes = [Axis.cells(name, 8, length=1.0) for name in "xy"]
    values = np.random.default_rng(0).standard_normal((4, 8, 8)).astype("float32")
    fields, times = [FieldSpec("tracer")], np.arange(4.0)
    write_well(here / "cells", {"train": [{"tracer": values}]}, name="noise", axes=axes, fields=fields, times=times)
    words = ["--history", "1", "--samples", "2", "--json"]
    for group, order in (("shifts:4", 4), ("D4 x shifts:4", 32)):
        assert main(["audit", "my_models:one", str(here / "cells"), "--group", group, *words]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["order"], len(found["elements"])) == (order, order - 1)


def test_a_model_of_normalised_fields_is_wrapped(here, well, capsys):
    found = []
    for option in ([], ["--normalised"]):
        assert main(["audit", "free.pt2", str(well), "--group", "C2", "--samples", "3", "--json", *option]) == 0
        found.append(json.loads(capsys.readouterr().out)["mse"]["value"])
    assert found[0] != found[1]


def _line(capsys) -> str:
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["free.pt2", "WELL", "--group", "D5"], "--group: expected auto"),
        (["free.pt2", "WELL", "--group", "D4", "--fields", "tracer, vorticity"], "vorticity"),
        (["free.pt2", "WELL", "--group", "D4", "--fields", "tracer:vector, velocity"], "tracer:scalar, as the files"),
        (["free.pt2", "WELL", "--group", "D4", "--fields", "velocity:vector, tracer"], "the order of the files"),
        (["free.pt2", "WELL", "--group", "D4", "--fields", "tracer:sclar"], "sclar"),
        (["free.pt2", "WELL", "--group", "D4", "--fields", "velocity:vector", "--history", "2"], "--history: expected"),
        (["free.pt2", "WELL", "--group", "D4", "--history", "3"], "--history: expected what gives the 6 channels"),
        (
            ["my_models:make", "WELL", "--group", "D4", "--factory-arg", "steps=17"],
            "--history: expected the number of time steps that the model takes, got none of 1 to 16",
        ),
        (
            ["my_models:make", "WELL", "--group", "D4", "--history", "3"],
            "MODEL: expected a model of inputs (batch, 9, 8, 8)",
        ),
        (["my_models:three", "WELL", "--group", "D4", "--history", "2"], "expected an output of shape (1, 3, 8, 8)"),
        (["free.pt2", "WELL", "--group", "D4", "--split", "exam"], "there is no folder data/exam"),
        (["free.pt2", "/nowhere", "--group", "D4"], "/nowhere: no such file or folder"),
        (["free.pt2", "WELL", "--group", "D4", "--samples", "0"], "--samples"),
        (["free.pt2", "WELL", "--group", "D4", "--sample", "3"], "--sample"),
    ],
)
def test_bad_input_is_one_line(here, well, arguments, message, capsys):
    assert main(["audit", *(str(well) if word == "WELL" else word for word in arguments)]) == 2
    assert message in _line(capsys)


def test_damaged_and_nan_files_are_one_line(here, well, capsys):
    source = next((well / "data" / "test").iterdir())
    (here / "cut.hdf5").write_bytes(source.read_bytes()[:3000])
    (here / "nan.hdf5").write_bytes(source.read_bytes())
    with h5py.File(here / "nan.hdf5", "r+") as file:
        file["t0_fields/tracer"][0, 1] = float("nan")
    for name, message in (("cut.hdf5", "cut.hdf5"), ("nan.hdf5", "the field tracer is NaN or infinite")):
        assert main(["audit", "free.pt2", name, "--group", "D4", "--samples", "30"]) == 2
        assert message in _line(capsys)


def test_a_stochastic_model_is_found_out(here, well, capsys):
    arguments = ["audit", "my_models:noisy", str(well), "--history", "2", "--group", "C2", "--samples", "4", "--json"]
    code = main(arguments)
    captured = capsys.readouterr()
    if code == 0:
        assert json.loads(captured.out)["stochastic"] is True
    else:
        assert code == 2
        assert "stochastic" in captured.err


def test_a_law_is_followed_through_the_model(here, well, capsys):
    arguments = ["audit", "my_models:make", str(well), "--history", "2", "--group", "C4", "--samples", "4", "--json"]
    assert main([*arguments, "--law", "gauss", "--law-points", "4"]) == 0
    found = json.loads(capsys.readouterr().out)["distribution"]
    assert found["law_is_invariant"]
    assert len(found["names"]) == 4
    assert found["worst"] > 1e-3


def test_a_law_that_is_too_large_is_refused(here, well, capsys):
    arguments = ["audit", "my_models:make", str(well), "--history", "2", "--group", "C4", "--samples", "4"]
    assert main([*arguments, "--law", "gauss", "--law-points", "64"]) == 2
    assert "--law: expected at most 4096 components of the input" in capsys.readouterr().err


@pytest.fixture
def arrays(here):
    """Twelve inputs of the small models and their labels, as a file of plain arrays."""
    draws = np.random.default_rng(0)
    x, y = draws.standard_normal((12, 6, 8, 8)), draws.standard_normal((12, 3, 8, 8))
    np.savez("rows.npz", x=x.astype("float32"), y=y.astype("float32"), clusters=np.arange(12) // 3)
    np.save("rows.npy", x.astype("float32"))
    return ["--group", "D4", "--fields", "tracer, velocity:vector", "--history", "2"]


@pytest.mark.parametrize("model", ["my_models:make", "free.pt2", "fixed.pt2"])
def test_arrays_are_audited_with_their_labels_and_trajectories(arrays, model, capsys):
    assert main(["audit", model, "rows.npz", *arrays, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["group"], found["samples"], found["trajectories"]) == ("D4", 12, 4)
    assert [part["name"] for part in found["parts"]] == ["tracer", "velocity"]
    assert found["mse"]["value"] > 0


def test_inputs_alone_are_audited_without_labels(arrays, capsys):
    assert main(["audit", "free.pt2", "rows.npy", *arrays, "--samples", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["samples"], found["mse"]) == (5, None)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's own words on its old format
def test_torchscript_is_audited_through_a_factory(arrays, here, capsys):
    (here / "scripted_model.py").write_text(
        "import torch\n\n\ndef make():\n    net = torch.nn.Conv2d(6, 3, 3, padding=1)\n"
        "    return torch.jit.trace(net, torch.zeros(1, 6, 8, 8))\n"
    )
    assert main(["audit", "scripted_model:make", "rows.npz", *arrays, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["layers"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["free.pt2", "rows.npz", "--group", "D4", "--history", "2"], "--fields: expected the fields of x"),
        (["free.pt2", "rows.npz", "--group", "D4", "--fields", "tracer, velocity:vector"], "expected 3 channels"),
        (
            ["free.pt2", "rows.npz", "--group", "auto", "--fields", "tracer, velocity:vector", "--history", "2"],
            "--group: expected a name such as D4 (arrays say nothing of boundaries)",
        ),
        (["free.pt2", "rows.npz", "--group", "D4", "--split", "test"], "--split: expected none beside arrays"),
        (["scripted.pt", "rows.npz", "--group", "D4"], "torch.jit.load"),
        (["graph.onnx", "rows.npz", "--group", "D4"], "graph.onnx: no such file"),
    ],
)
def test_arrays_or_models_that_do_not_fit_are_one_line(arrays, arguments, message, capsys):
    assert main(["audit", *arguments]) == 2
    assert message in _line(capsys)
