"""``haar discover``: generators or an honest none, files where they are asked for, one line of what does not fit."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from haar import Symmetry
from haar.cli.app import main

MODELS = """
import torch


class Central(torch.nn.Module):
    def forward(self, x):
        return x * torch.exp(-x.square().sum(-1, keepdim=True))


class Plain(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([[1.3, 0.4], [-0.2, 0.7]], dtype=torch.float64))

    def forward(self, x):
        return torch.sin(x @ self.weight + 0.3) + 0.2 * x[:, :1] ** 2
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a model that turns with its inputs, one that has no symmetry, and their inputs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("planar_models", None)
    (tmp_path / "planar_models.py").write_text(MODELS)
    rows = np.random.default_rng(0).standard_normal((80, 2))
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "nan.npy", np.where(np.arange(80)[:, None] == 3, np.nan, rows))
    np.save(tmp_path / "three.npy", np.random.default_rng(0).standard_normal((80, 3)))
    np.save(tmp_path / "few.npy", rows[:3])
    return tmp_path


def test_rotations_are_found_and_written(here, capsys):
    words = ["planar_models:Central", "rows.npy", "--require", "SO2", "--out", "found", "--save", "turns.json"]
    assert main(["discover", *words]) == 0
    assert "report: found/report.html" in capsys.readouterr().out
    told = json.loads((here / "found" / "discover.json").read_text())
    steps = [(one["name"], one["dimension"], one["order"], one["grade"]) for one in told["staircase"]]
    assert steps == [("u(1)", 1, None, "exact"), ("B2", 0, 8, "exact")]
    assert "Staircase" in (here / "found" / "report.html").read_text()
    symmetry = Symmetry.load(here / "turns.json")
    x = torch.from_numpy(np.load(here / "rows.npy"))
    (turned,) = symmetry.act_inputs(symmetry.group.sample(1, torch.Generator().manual_seed(0))[0], (x,))
    assert torch.allclose(turned.norm(dim=1), x.norm(dim=1))
    assert not torch.allclose(turned, x)


def test_no_symmetry_is_an_answer_and_what_was_required_is_missed(here, capsys):
    assert main(["discover", "planar_models:Plain", "rows.npy", "--json", "--save", "none.json"]) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert "none.json: nothing to write, as no symmetry was established" in printed.err
    assert told["kind"] == "discovery"
    assert told["staircase"] == []
    assert told["generators"] is None
    assert not (here / "none.json").exists()
    assert main(["discover", "planar_models:Plain", "rows.npy", "--require", "SO2", "--kinds", "lie"]) == 1


@pytest.mark.parametrize(("power", "words"), [(1, "These data cannot tell"), (3, "")], ids=["Gaussian", "cubes"])
def test_a_law_is_read_from_samples_alone(here, capsys, power, words):
    rows = np.random.default_rng(1).standard_normal((400, 2)) ** power
    np.save(here / "law.npy", rows)
    assert main(["discover", "--law", "law.npy", "--json", "--out", "law"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((here / "law" / "discover.json").read_text())
    assert words in told["sentence"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["planar_models:Central"], "MODEL, DATA: expected a model and its inputs, or --law and samples alone"),
        (["planar_models:Central", "nothing.npy"], "nothing.npy"),
        (["planar_models:Central", "nan.npy"], "nan.npy: contains NaN or infinity"),
        (["planar_models:Plain", "three.npy"], "planar_models.py, line 16, in forward: RuntimeError"),
        (["planar_models:Central", "few.npy"], "haar: DATA: expected at least 4 samples, half of them held out, got 3"),
        (["planar_models:Central", "rows.npy", "--kinds", "all"], "--kinds: expected"),
        (["planar_models:Central", "rows.npy", "--dictionary", "cubic"], "--dictionary: expected affine, linear,"),
        (["planar_models:Central", "rows.npy", "--outputs", "odd"], "--outputs: expected"),
        (
            ["planar_models:Central", "rows.npy", "--save", "turns.txt"],
            "--save: expected a name that ends in .json",
        ),
        (["--law", "few.npy"], "few.npy: samples: 3, and fewer than 200 say nothing"),
    ],
)
def test_what_does_not_fit_is_one_line(here, capsys, words, told):
    assert main(["discover", *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert told in line
