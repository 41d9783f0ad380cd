"""haar align: files in, files out, and one line for what does not fit."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from haar.cli.app import main
from haar.weights import Checkpoint, adapted, folded, traced, write_weights
from haar.weights.small import SmallGPT2

CONFIG = {
    "model_type": "gpt2", "n_head": 2, "n_layer": 1, "n_embd": 8, "n_inner": 6, "vocab_size": 11, "n_positions": 8,
    "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip
OWN = """
import torch
from torch import nn

def make():
    return nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2))

def inputs():
    return torch.linspace(-1, 1, 15).reshape(5, 3)

def task():
    return (lambda model, x: (model(x) - 1).square().mean()), [inputs()]

def wrong():
    return 3
"""


def _gpt2(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = SmallGPT2(11, 8, layers=1, dim=8, heads=2, hidden=6)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.2 * torch.randn_like(p))
    return model


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two checkpoints with a configuration, one of them planted from the first as well, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    model = _gpt2(0)
    write_weights("a.safetensors", model.state_dict())
    write_weights("b.safetensors", _gpt2(1).state_dict())
    action = adapted(model.state_dict(), CONFIG)
    plain = dict(folded(action, model.state_dict()))
    planted = action.act(action.random(0, dtype=torch.float32, state=plain), plain)
    torch.save({"state_dict": planted}, "planted.pt")
    return tmp_path


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Two perceptrons of the user's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_net.py").write_text(OWN)
    for seed, name in enumerate("ab"):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            write_weights(
                f"{name}.safetensors", nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2)).state_dict()
            )
    return tmp_path


def _json(capsys):
    return json.loads(capsys.readouterr().out)


def test_a_planted_checkpoint_is_matched(files, capsys):
    words = ["a.safetensors", "planted.pt", "-o", "moved.safetensors", "--reference", "reference.safetensors"]
    assert main(["align", "match", *words, "--out", "found", "--json"]) == 0
    told = _json(capsys)
    assert told["same"]
    assert told["distance"]["after"] < 1e-5 < 0.5 < told["distance"]["canonical"]
    moved, reference = Checkpoint("moved.safetensors"), Checkpoint("reference.safetensors")
    assert set(moved) == set(reference) == set(Checkpoint("a.safetensors"))
    for name, value in reference.items():
        torch.testing.assert_close(moved[name], value, rtol=0, atol=1e-4)
    model, tokens = _gpt2(0), torch.arange(6)[None]
    y = model(tokens)
    model.load_state_dict(dict(reference))
    torch.testing.assert_close(model(tokens), y, rtol=1e-4, atol=1e-4)
    assert "one network" in (files / "found" / "report.html").read_text()
    assert json.loads((files / "found" / "align.json").read_text())["same"]


def test_a_merge_is_an_ordinary_checkpoint(files, capsys):
    assert main(["align", "merge", "a.safetensors", "planted.pt", "-o", "mean.safetensors", "--shares", "1,3"]) == 0
    assert "mean.safetensors: The mean of 2 networks; relative distances" in capsys.readouterr().out
    model, tokens = _gpt2(0), torch.arange(6)[None]
    y = model(tokens)
    model.load_state_dict(dict(Checkpoint("mean.safetensors")))
    torch.testing.assert_close(model(tokens), y, rtol=1e-3, atol=1e-3)


def test_a_published_architecture_is_verified_and_its_barrier_measured(files, capsys):
    pytest.importorskip("transformers", reason="this test needs transformers, of the group architectures")
    assert main(["align", "verify", "a.safetensors", "--json"]) == 0
    told = _json(capsys)
    assert told["preserved"]
    assert set(told["sites"]) == {"residual", "heads0", "units0"}
    (files / "gpt_task.py").write_text(
        "import torch\n\ndef task():\n    return (lambda m, x: m(x).logits.square().mean()), [torch.arange(6)[None]]\n"
    )
    words = ["a.safetensors", "b.safetensors", "--task", "gpt_task:task", "--points", "3", "--out", "found", "--json"]
    assert main(["align", "barrier", *words]) == 0
    lines = _json(capsys)["barrier"]["lines"]
    assert list(lines) == ["as they came", "canonical", "permutation", "orthogonal"]
    for one in lines.values():  # all lines have the same two ends
        assert one["losses"][0] == pytest.approx(lines["as they came"]["losses"][0], rel=1e-4)
        assert one["losses"][-1] == pytest.approx(lines["as they came"]["losses"][-1], rel=1e-4)
    assert (
        "<svg" in (files / "found" / "report.html").read_text()
        or "<img" in (files / "found" / "report.html").read_text()
    )


def test_models_of_ones_own_are_traced(own, capsys):
    traced_by = ["--model", "own_net:make", "--example", "own_net:inputs"]
    assert main(["align", "verify", "a.safetensors", *traced_by]) == 0
    assert "function preserved: 1 sites" in capsys.readouterr().out
    words = ["a.safetensors", "b.safetensors", "--task", "own_net:task", "--points", "5", "--json"]
    assert main(["align", "barrier", *words, *traced_by]) == 0
    assert list(_json(capsys)["barrier"]["lines"]) == ["as they came", "canonical", "permutation"]
    assert main(["align", "match", "a.safetensors", "b.safetensors", "-o", "c.safetensors", *traced_by]) == 0
    assert "different networks" in capsys.readouterr().out
    model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2))
    model.load_state_dict(dict(Checkpoint("b.safetensors")))
    x = torch.linspace(-1, 1, 15).reshape(5, 3)
    y = model(x)
    model.load_state_dict(dict(Checkpoint("c.safetensors")))
    torch.testing.assert_close(model(x), y)
    assert traced(model, x).sites


PAIR = ["a.safetensors", "b.safetensors"]
TO = ["-o", "c.safetensors"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["match", "a.safetensors", "no.safetensors", *TO], "no.safetensors: no such file or folder"),
        (["match", "a.safetensors", "config.json", *TO], "config.json: not a file of tensors alone"),
        (["match", *PAIR, "-o", "c.pt"], "--output: expected a name that ends in .safetensors"),
        (["match", *PAIR, *TO, "--symmetry", "gauge"], "--symmetry: expected"),
        (["match", *PAIR, *TO, "--adapter", "bert"], "--adapter: expected one of gpt2"),
        (["match", *PAIR, *TO, "--model", "x:y"], "--model, --example: expected both or neither"),
        (["match", *PAIR, *TO, "--config", "a.safetensors"], "a.safetensors: no configuration in JSON"),
        (["merge", "a.safetensors", *TO], "FILES: expected at least two checkpoints, got 1"),
        (["merge", *PAIR, *TO, "--shares", "1;2"], "--shares: expected numbers such as 1,1,2"),
        (["merge", *PAIR, *TO, "--shares", "1"], "--shares: expected 2 numbers"),
        (["barrier", *PAIR, "--task", "json:loads"], "--task: expected a function that can be called"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(files, capsys, words, told):
    assert main(["align", *words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert told in error
    assert not (files / "c.safetensors").exists()


def test_a_pickled_model_is_refused(files, capsys):
    torch.save(_gpt2(0), "whole.pt")
    assert main(["align", "match", "a.safetensors", "whole.pt", "-o", "c.safetensors"]) == 2
    assert "not a file of tensors alone" in capsys.readouterr().err


def test_a_task_that_is_none_is_refused(own, capsys):
    words = ["--model", "own_net:make", "--example", "own_net:inputs", "--task", "own_net:wrong"]
    assert main(["align", "barrier", "a.safetensors", "b.safetensors", *words]) == 2
    assert "--task: expected a function that returns (loss, batches), got int" in capsys.readouterr().err
