from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from haar.actions import Symmetry
from haar.cli.app import main
from haar.cli.program_file import load_program
from haar.groups import dihedral

WORDS = ["--group", "D4", "--fields", "tracer, velocity:vector"]


@torch.no_grad()
def _defect(path, history=2):
    module = load_program(path).module()
    symmetry = Symmetry.of_fields(dihedral(4), "tracer, velocity:vector", history=history, centring="node")
    x = torch.randn(1, 3 * history, 8, 8, generator=torch.Generator().manual_seed(1))
    g = torch.tensor(5)
    moved = symmetry.act_outputs(g, module(x)) - module(symmetry.act_inputs(g, (x,))[0])
    return float(moved.norm() / module(x).norm())


@pytest.mark.parametrize("model", ["free.pt2", "fixed.pt2", "surrogate.safetensors", "my_models:make"])
def test_the_written_program_has_the_symmetry(here, well, model, capsys):
    history = ["--history", "2"] if ":" in model else []
    assert main(["average", model, "--data", str(well), *WORDS, *history, "-o", "averaged.pt2"]) == 0
    out = capsys.readouterr().out
    assert "8 elements of D4" in out
    before, after = map(float, re.search(r"relative: (\S+) before, (\S+) after", out).groups())
    assert before > 1e-3
    assert after < 1e-5
    assert ("batch size is 1" in out) == (model == "fixed.pt2")
    assert _defect(here / "averaged.pt2") < 1e-5


def test_a_share_of_the_gain_takes_fewer_elements(here, well, capsys):
    assert main(["average", "free.pt2", "--data", str(well), *WORDS, "--share", "0.6", "-o", "few.pt2"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    taken = int(re.search(r"averaged over (\d) elements of D4", out)[1])
    assert taken < 8
    assert float(re.search(r"([\d.]+)% of the gain of all 8 expected", out)[1]) >= 60
    assert _defect(here / "few.pt2") > 1e-5


def test_words_alone_are_enough(here, capsys):
    assert main(["average", "export", "surrogate.safetensors", *WORDS, "--shape", "8,8", "-o", "two.pt2"]) == 0
    assert (here / "two.pt2").exists()


def test_an_averaged_program_can_be_audited_and_averaged_again(here, well, capsys):
    assert main(["average", "free.pt2", "--data", str(well), *WORDS, "-o", "averaged.pt2"]) == 0
    capsys.readouterr()
    assert main(["audit", "averaged.pt2", str(well), "--group", "D4", "--samples", "3"]) == 0
    assert "already respects D4" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["free.pt2", "--group", "D4", "-o", "a.pt2"], "--fields: expected the fields of the model (or --data)"),
        (["surrogate.safetensors", *WORDS, "-o", "a.pt2"], "--shape: expected points of every axis"),
        (["surrogate.safetensors", *WORDS, "--shape", "8,b", "-o", "a.pt2"], "--shape: expected points of 1 to 3 axes"),
        (["surrogate.safetensors", *WORDS, "--shape", "8,16", "-o", "a.pt2"], "D4"),
        (["free.pt2", *WORDS, "--normalised", "-o", "a.pt2"], "--normalised: expected --data"),
        (["free.pt2", *WORDS, "-o", "a.pth"], "expected a name that ends in .pt2 or .onnx"),
        (["free.pt2", "--group", "D4", "--fields", "tracer, pressure", "--history", "2", "-o", "a.pt2"], "--history"),
        (
            ["free.pt2", "--group", "D4", "--fields", "a, b, c, d", "-o", "a.pt2"],
            "--fields: expected fields whose channels",
        ),
        (
            ["my_models:make", *WORDS, "--shape", "8,8", "-o", "a.pt2", "--factory-arg", "steps=17"],
            "--history: expected the number of time steps",
        ),
        (["free.pt2", *WORDS], "output"),
        (["free.pt2", *WORDS, "--share", "0.9", "-o", "a.pt2"], "--share: expected --data"),
        (
            ["surrogate.safetensors", "--group", "auto", *WORDS[2:], "--shape", "8,8", "-o", "a.pt2"],
            "--group: expected --data beside auto",
        ),
        (
            ["surrogate.safetensors", "--group", "D4 x shifts", *WORDS[2:], "--shape", "64,64", "-o", "a.pt2"],
            "--group: expected at most 1024 elements for a full orbit",
        ),
        (
            ["my_models:nowhere", *WORDS, "--history", "2", "--shape", "8,8", "-o", "a.pt2"],
            "MODEL: expected finite outputs, got NaN or infinity for random numbers",
        ),
        (
            ["my_models:noisy", *WORDS, "--history", "2", "--shape", "8,8", "-o", "a.pt2"],
            "a stochastic model: two runs differ",
        ),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(here, arguments, message, capsys):
    assert main(["average", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert message in captured.err
    assert not list(here.glob("a.*"))


def test_data_and_shape_exclude_each_other(here, well, capsys):
    assert main(["average", "free.pt2", *WORDS, "--data", str(well), "--shape", "8,8", "-o", "a.pt2"]) == 2
    assert "--shape: expected none beside --data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "output"), [("surrogate.safetensors", "student.safetensors"), ("my_models:make", "student.pt2")]
)
def test_a_distilled_student_is_a_model_again(here, well, model, output, capsys):
    history = ["--history", "2"] if ":" in model else []
    words = ["--group", "D4", *history, "--steps", "20", "--samples", "10", "--learning-rate", "0.01", "-o", output]
    assert main(["average", "distill", model, str(well), *words]) == 0
    assert "of what averaging changes it keeps" in capsys.readouterr().out
    assert main(["audit", output, str(well), "--group", "D4", "--samples", "3", "--json"]) == 0


def test_another_student_and_json(here, well, capsys):
    words = ["--group", "C2", "--steps", "2", "--samples", "6", "--student", "my_models:make", "-o", "s.safetensors"]
    assert main(["average", "distill", "free.pt2", str(well), *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"gain_kept", "defect_before", "defect_after", "held_out"} <= set(found)
    assert (
        main(["audit", "my_models:make", str(well), "--weights", "s.safetensors", "--history", "2", "--group", "C2"])
        == 0
    )


def test_the_student_of_a_program_has_the_names_of_the_class_it_was_made_of(here, well):
    words = ["--group", "C2", "--steps", "2", "--samples", "6", "-o", "s.safetensors"]
    assert main(["average", "distill", "free.pt2", str(well), *words]) == 0
    assert set(load_file("s.safetensors")) == {"conv.weight", "conv.bias"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "s.onnx"], "--output: expected a name that ends in .pt2 or .safetensors"),
        (["-o", "s.pt2", "--learning-rate", "0"], "--learning-rate: expected a positive number"),
        (["-o", "s.pt2", "--student", "my_models:three"], "MODEL: expected an output of shape"),
    ],
)
def test_bad_distillation_is_one_line(here, well, words, message, capsys):
    assert main(["average", "distill", "free.pt2", str(well), "--group", "C2", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_model_is_compared_with_its_average(here, well, capsys):
    words = ["average", "evaluate", "surrogate.safetensors", str(well), "--group", "D4", "--windows", "1,2:3"]
    assert main([*words, "--out", "report"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert re.search(r"VRMSE averaged over D4, \d trajectories; steps 1: -\d", out)
    told = json.loads((here / "report" / "evaluation.json").read_text())
    assert [(row["window"], row["field"]) for row in told["changes"]] == [
        (window, field) for window in ("1", "2:3") for field in ("all", "tracer", "velocity")
    ]
    assert (here / "report" / "report.html").is_file()


def test_an_evaluation_is_json(here, well, capsys):
    assert main(["average", "evaluate", "fixed.pt2", str(well), "--group", "D4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["group"], told["mode"]) == ("evaluation", "D4", "step")
    assert all(row["base"] > 0 for row in told["changes"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--windows", "6:99"], "--windows: expected steps within 1:"),
        (["--windows", "one"], "steps: expected 'first:last' or 'step'"),
        (["--mode", "twice"], "--mode: expected one of plain, step"),
        (["--per-run", "0"], "per-run"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(here, well, capsys, words, message):
    assert main(["average", "evaluate", "surrogate.safetensors", str(well), "--group", "D4", *words]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_arrays_say_the_grid(here, capsys):
    np.savez("rows.npz", x=np.zeros((2, 6, 8, 8), dtype="float32"))
    words = ["average", "my_models:make", "--history", "2", "--data", "rows.npz"]
    assert main([*words, *WORDS, "-o", "averaged.pt2"]) == 0
    assert torch.export.load("averaged.pt2").module()(torch.zeros(2, 6, 8, 8)).shape == (2, 3, 8, 8)
    assert main([*words, "--group", "auto", *WORDS[2:], "-o", "a.pt2"]) == 2
    assert "arrays say nothing of boundaries" in capsys.readouterr().err
