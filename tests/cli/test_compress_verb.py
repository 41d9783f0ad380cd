"""haar compress: models and batches in, curves and gaps out."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from haar import compress
from haar.cli.app import main

OWN = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2)).double()

def batches(seed=1):
    x = torch.randn(24, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return [(x, x[:, :2])]

def near():
    return batches(2)
"""
ON = ["own_small:make", "own_small:batches"]
NEAR = ["--calibration", "own_small:near"]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A perceptron of the user's own and its batches, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_small.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_small", raising=False)
    with torch.random.fork_rng():
        import own_small

        return own_small.make(), own_small.batches(), own_small.near()


def _plain(report):
    return json.loads(json.dumps(report.to_dict()))


def test_a_sweep_is_that_of_python(own, capsys):
    model, batches, near = own
    how = [
        "--levels",
        "0.25,0.5",
        "--metrics",
        "loss, drift",
        "--draws",
        "20",
        "--seed",
        "3",
        "--layers",
        "2",
        "--json",
    ]
    assert main(["compress", "sweep", *ON, "--methods", "magnitude, wanda", *how, "--layers", "2", *NEAR]) == 0
    found = compress.sweep(
        model, ["magnitude", "wanda"], ["loss", "drift"], batches, levels=[0.25, 0.5], calibration=near, layers=["2"],
        draws=20, seed=3,
    )  # fmt: skip
    assert json.loads(capsys.readouterr().out) == _plain(found)


def test_a_layer_is_blamed(own, capsys):
    model, batches, _ = own
    how = ["--by-layer", "quantise", "--levels", "2", "--draws", "0", "--json"]
    assert main(["compress", "sweep", *ON, *how]) == 0
    found = compress.sensitivity(model, "quantise", None, batches, level=2, draws=0)
    assert json.loads(capsys.readouterr().out) == _plain(found)


def test_who_sees_the_gauge_is_that_of_python(own, capsys):
    model, batches, near = own
    assert main(["compress", "gauge", *ON, "--methods", "magnitude, obs (damped 0.01)", "--json", *NEAR]) == 0
    found = compress.gauge(model, ["magnitude", "obs (damped 0.01)"], None, batches, calibration=near)
    assert json.loads(capsys.readouterr().out) == _plain(found)
    assert main(["compress", "gauge", *ON, "--methods", "magnitude"]) == 0
    assert "none does" in " ".join(capsys.readouterr().out.split())


def test_one_layer_at_a_time_has_one_level(own, capsys):
    assert main(["compress", "sweep", *ON, "--by-layer", "quantise", "--levels", "2,3", "--draws", "0"]) == 2
    assert capsys.readouterr().err == "haar: --levels: expected one level with --by-layer, got '2,3'\n"
