"""``haar relax``: from files and entries to checkpoints, reports and a model to deploy."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from haar.cli.app import main
from haar.folders import claimed
from haar.relax.task.plan import KEYS, make_plan
from haar.relax.task.task import make_task

ENTRIES = """
import torch
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.groups import cyclic


def make(width=8):
    return nn.Sequential(nn.Linear(6, width), nn.SiLU(), nn.Linear(width, 2))


def data(broken=0.0, count=48):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, 3, 2, generator=generator)
    y = ((x.norm(dim=-1, keepdim=True) - 1) * x).sum(1)
    return x.flatten(1), y + broken * torch.tensor([1.0, 0.5]) * x[:, 2, :1].sin()


def parts():
    x, y = data()
    return {"train": (x[:32], y[:32]), "validation": (x[32:], y[32:])}


def rows():
    x, y = data()
    return x, y[:, 0]


def symmetry():
    vector = Defining(cyclic(4))
    return Symmetry(vector.group, Vector(3 * vector), Vector(vector))


def loss(predicted, target):
    return (predicted - target).abs().mean()


def three():
    return 3


def wrong():
    raise KeyError("inside")
"""
WORDS = ["--group", "C4", "--input", "3 * vector", "--output", "vector"]
OPTIONS = {"group": "C4", "input": "3 * vector", "output": "vector"}
BRIEF = ["--steps", "30", "--batch-size", "8"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_task.py").write_text(ENTRIES)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_task", None)


def found(capsys):
    return json.loads(capsys.readouterr().out)


def test_fit_writes_the_model_under_the_users_own_names(here, capsys):
    assert main(["relax", "fit", "my_task:make", "my_task:data", *WORDS, *BRIEF, "--out", "out"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "After 30 steps" in printed
    assert "validation loss of the model to deploy" in printed
    import my_task

    plain = my_task.make()
    plain.load_state_dict(load_file("out/model.safetensors"))
    program = torch.export.load("out/model.pt2").module()
    x = my_task.data()[0]
    symmetry = my_task.symmetry()
    g = torch.tensor(1)
    with torch.no_grad():
        assert torch.allclose(program(x), plain(x), atol=1e-6)
        moved = plain(symmetry.act_inputs(g, (x,))[0])
        assert torch.allclose(moved, symmetry.act_outputs(g, plain(x)), atol=1e-5)  # deployed at gamma = 0
    page = (here / "out" / "report.html").read_text()
    assert page.count("<img") + page.count("<svg") >= 1
    held = json.loads((here / "out" / "fit.json").read_text())
    assert held["plan"]["steps"] == 30
    assert held["deployed_loss"] == pytest.approx(held["readings"][-1]["loss_off"])


def test_a_finished_fit_is_not_trained_again_and_another_plan_is_refused(here, capsys):
    command = ["relax", "fit", "my_task:make", "my_task:data", *WORDS, *BRIEF, "--json"]
    assert main([*command, "--out", "out"]) == 0
    first = found(capsys)
    checkpoint = Path("out/fit.pt").read_bytes()
    assert main([*command, "--out", "out"]) == 0
    assert found(capsys) == first
    assert Path("out/fit.pt").read_bytes() == checkpoint
    assert main([*command, "--out", "out", "--rho", "2"]) == 2
    assert "--out: expected a folder of this plan, or a new one, in place of out, got one with another rho" in (
        capsys.readouterr().err
    )
    Path("my_task.py").write_text(ENTRIES.replace("manual_seed(1)", "manual_seed(2)"))
    sys.modules.pop("my_task")
    assert main([*command, "--out", "out"]) == 2
    assert "another content of the data" in capsys.readouterr().err


@pytest.mark.parametrize("rule", ["augmentation", "scheduled"])
def test_every_rule_has_a_name(here, rule, capsys):
    entries = ["my_task:make", "my_task:parts", "--symmetry", "my_task:symmetry", "--loss", "my_task:loss"]
    assert main(["relax", "fit", *entries, *BRIEF, "--rule", rule, "--json"]) == 0
    result = found(capsys)
    assert result["readings"][-1]["step"] == 30
    assert result["model"][0] == "model.safetensors"


def test_a_file_of_keys_and_a_file_of_arrays(here, capsys):
    import my_task

    x, y = my_task.data()
    arrays = {"inputs": x[:32], "targets": y[:32], "validation_inputs": x[32:], "validation_targets": y[32:]}
    np.savez("arrays.npz", **{key: value.double().numpy() for key, value in arrays.items()})
    save_file({key: value.contiguous() for key, value in arrays.items()}, "arrays.safetensors")
    from_file = [make_task(make_plan("my_task:make", f"arrays.{kind}", OPTIONS)) for kind in ("npz", "safetensors")]
    assert torch.equal(from_file[0].train[0], from_file[1].train[0])
    assert torch.equal(from_file[0].validation[1], y[32:])
    keys = {"model": "my_task:make", "model_args": {"width": 12}, "data": "arrays.npz", "steps": 30}
    keys |= {"group": "C4", "input": "3 * vector", "output": "vector", "problem": "resilient", "kappa": False}
    text = yaml.safe_dump(keys) + "learning_rate: 1e-3\n"  # which YAML reads as text
    Path("task.yaml").write_text(text)
    assert main(["relax", "fit", "task.yaml", "--batch-size", "8", "--json"]) == 0
    found(capsys)
    plan = json.loads(Path("relaxed/plan.json").read_text())
    assert (plan["learning_rate"], plan["batch_size"], plan["kappa"]) == (1e-3, 8, False)
    assert load_file("relaxed/model.safetensors")["0.weight"].shape == (12, 6)


def test_diagnose_says_the_verdict(here, capsys):
    Path("task.yaml").write_text("model: my_task:make\ndata: my_task:data\ndata_args: {broken: 6.0, count: 96}\n")
    command = ["relax", "diagnose", "task.yaml", *WORDS, *BRIEF, "--draws", "99", "--out", "out"]
    assert main(command) == 0
    assert "The data break C4 (score test, Holm's p = 0.0" in " ".join(capsys.readouterr().out.split())
    held = json.loads(Path("out/diagnosis.json").read_text())
    assert held["verdict"] == "broken"
    assert len(held["dashboard"]["readings"][-1]["layers"]) == 2
    assert "Tension" in Path("out/report.html").read_text()


def test_path_goes_along_the_weights_and_resumes(here, capsys):
    command = ["relax", "path", "my_task:make", "my_task:data", *WORDS, *BRIEF, "--chain", "auto", "--json"]
    assert main([*command, "--weights", "0.1,100"]) == 0
    first = found(capsys)
    assert [point["weight"] for point in first["points"]] == [0.1, 100]
    assert first["chain"] == ["C4", "<r180>", "1"]
    assert len(first["points"][0]["layers"]) == 4
    Path("path/fit_1.pt").unlink()  # as if it had been killed in its last fit
    assert main([*command, "--weights", "0.1,100"]) == 0
    assert found(capsys) == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["my_task:make"], "data: expected module:function, or a .npz, .h5 or .safetensors file, got None"),
        (["my_task:none", "my_task:data", *WORDS], "model: expected module:function that can be imported from here"),
        (
            ["my_task:three", "my_task:data", *WORDS],
            "model: expected a function that returns a torch.nn.Module, got int",
        ),
        (["my_task:wrong", "my_task:data", *WORDS], "model: expected a function that can be called, got my_task:wrong"),
        (["my_task:make", "my_task:three", *WORDS], "data: expected inputs and targets, or"),
        (["my_task:make", "none.npz", *WORDS], "none.npz: no such file"),
        (["my_task:make", "my_task.npz", *WORDS], "my_task.npz: not a .npz archive of arrays"),
        (["my_task:make", "my_task:data", *WORDS[:4]], "symmetry: expected --symmetry module:function, or"),
        (
            ["my_task:make", "my_task:data", "--symmetry", "my_task:three"],
            "expected a function that returns a Symmetry",
        ),
        (["my_task:make", "my_task:data", *WORDS, "--rule", "best"], "rule: expected one of duals, strict"),
        (["my_task:make", "my_task:data", *WORDS, "--chain", "C2"], "chain: expected auto or none, got 'C2'"),
        (["my_task:make", "my_task:data", *WORDS, "--mode", "soft"], "mode: expected 'weight', 'branches' or"),
        (["my_task:make", "my_task:data", *WORDS, "--steps", "10"], "steps: expected at least 30 to tune the solver"),
        (["my_task:make", "my_task:rows", *WORDS], "data: expected targets of the prediction's shape (3, 2), got (3,)"),
        (
            ["my_task:make", "my_task:data", *WORDS, "--loss", "my_task:three"],
            "loss: expected one that takes the model's",
        ),
        (["none.yaml"], "none.yaml: no such file"),
        (["list.yaml"], "list.yaml: expected keys and values, got list"),
        (["torn.yaml"], "torn.yaml: reading it as YAML failed"),
        (["extra.yaml"], "extra.yaml: expected keys among model, model_args"),
        (["typed.yaml", *WORDS], "steps: expected a whole number, got 'many'"),
    ],
)
def test_bad_input_is_said_in_one_line(here, arguments, message, capsys):
    Path("my_task.npz").write_bytes(b"no archive")
    Path("list.yaml").write_text("- 1\n")
    Path("torn.yaml").write_text("a: [1\n")
    Path("extra.yaml").write_text("model: my_task:make\ndata: my_task:data\nstesp: 3\n")
    Path("typed.yaml").write_text("model: my_task:make\ndata: my_task:data\nsteps: many\n")
    assert main(["relax", "fit", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_the_page_documents_every_key():
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    (block,) = [one for one in re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL) if "held_out" in one]
    keys = yaml.safe_load(block)
    assert set(keys) == set(KEYS)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--steps", "5"], "steps: expected at least 30"),
        (["--solver", "newton"], "newton"),
        (["--problem", "sometimes"], "sometimes"),
        (["--loss", "my_task:three"], "loss: expected one that takes"),
        (["--loss", "my_task:huge"], "loss: inf at step 1 of 30, which no step mends"),
        (["--input", "vector; 2 * vector"], "input: expected as many as the data have, 1, got 2"),
    ],
)
def test_a_refused_plan_leaves_the_folder_free(here, more, message, capsys):
    (here / "my_task.py").write_text(ENTRIES + "\n\ndef huge(p, t):\n    return (p - t).square().mean() * 1e39\n")
    command = ["relax", "fit", "my_task:make", "my_task:data", *WORDS, *BRIEF, "--out", "out"]
    assert main([*command, *more]) == 2
    assert message in capsys.readouterr().err
    assert not (here / "out").exists()


ILL = """

class Ill(nn.Module):
    calls = 0

    def __init__(self, most):
        super().__init__()
        self.layer, self.most = nn.Linear(6, 2), most

    def forward(self, x):
        Ill.calls += 1
        if Ill.calls > self.most:
            raise RuntimeError("ill")
        return self.layer(x)


def ill(most):
    return Ill(most)
"""


@pytest.mark.parametrize("most", [20, 120])
def test_a_fit_that_fails_frees_its_folder_or_says_what_it_keeps(here, most, capsys):
    (here / "my_task.py").write_text(ENTRIES + ILL)
    keys = {"model": "my_task:ill", "model_args": {"most": most}, "data": "my_task:data", **OPTIONS, "every": 25}
    (here / "task.yaml").write_text(yaml.safe_dump({**keys, "steps": 200, "batch_size": 8, "rule": "free"}))
    assert main(["relax", "fit", "task.yaml", "--out", "out"]) == 2
    said, kept = capsys.readouterr().err, sorted(path.name for path in (here / "out").iterdir())
    assert "RuntimeError: ill" in said
    assert (kept == []) == (most == 20)
    assert ("out keeps what is finished for the same command; remove it for another plan" in said) == (most == 120)
    assert main(["relax", "fit", "my_task:make", "my_task:data", *WORDS, *BRIEF, "--out", "out"]) == (
        0 if not kept else 2
    )
    if kept:
        assert "got one with another model" in (said := capsys.readouterr().err)
        assert "give another folder, or remove this one" in said


def test_a_folder_of_another_command_is_refused(here, capsys):
    command = ["relax", "fit", "my_task:make", "my_task:data", *WORDS, *BRIEF, "--out", "out"]
    with claimed(here / "out"):
        assert main(command) == 2
    assert "--out: expected a folder that no other command writes into" in capsys.readouterr().err
    assert list((here / "out").iterdir()) == []


def test_data_that_are_not_finite_are_refused_with_their_place(here, capsys):
    x, y = torch.randn(16, 6), torch.randn(16, 2)
    x[5, 1] = float("nan")
    save_file({"inputs": x, "targets": y}, here / "bad.safetensors")
    assert main(["relax", "fit", "my_task:make", "bad.safetensors", *WORDS, *BRIEF]) == 2
    assert "data: expected finite numbers, got NaN or infinity, first in sample 5" in capsys.readouterr().err
    assert not (here / "relaxed").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("seed: 1" + "0" * 400, "seed: expected a whole number from 0"),
        ("steps: .inf", "steps: expected a whole number"),
        ("learning_rate: .nan", "learning_rate: expected a number between 0 and 1e+06, got nan"),
        ("held_out: 2", "held_out: expected a number between 0 and 1"),
        ("weights: [1, .nan]", "weights: expected increasing numbers"),
        ("weights: [3, 2]", "weights: expected increasing numbers"),
        ("steps: 30\nsteps: 40", "the key 'steps' twice"),
        ("model_args: &a {}\ndata_args: *a", "got the alias *a"),
    ],
)
def test_numbers_of_a_file_have_the_ranges_of_options(here, line, message, capsys):
    text = "model: my_task:make\ndata: my_task:data\ngroup: C4\ninput: 3 * vector\noutput: vector\n"
    (here / "plan.yaml").write_text(text + line + "\n")
    assert main(["relax", "fit", "plan.yaml"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert message in said
    assert not (here / "relaxed").exists()


def test_a_path_runs_over_seeds_on_workers(here, capsys):
    words = ["relax", "path", "my_task:make", "my_task:data", *WORDS, "--steps", "30", "--batch-size", "8"]
    words += ["--weights", "0.1,10", "--seeds", "2", "--workers", "local:2", "--out", "swept"]
    assert main(words) == 0
    out = capsys.readouterr().out
    told = json.loads((here / "swept" / "seeds.json").read_text())
    for seed in ("0", "1"):
        assert f"seed-{seed}" in out
        assert told[f"seed {seed}"] == json.loads((here / "swept" / f"seed-{seed}" / "path.json").read_text())
    assert main([*words, "--json"]) == 0  # nothing is fitted again
    assert json.loads(capsys.readouterr().out) == told
    words[words.index("30")] = "20"
    words[words.index("swept")] = "other"
    words[words.index("--seeds") + 1] = "1"
    assert main(words) == 2
    assert "seed 0: HaarError: --steps: expected at least 30 to tune" in capsys.readouterr().err
