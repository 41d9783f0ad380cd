"""Checkpoints: files of any name, only of the same run, never half written, and read without running anything."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, DataError
from haar.training import Checkpoint, Plan, Run


def run_of(path, plan=None, *, seed=0, width=2, **options):
    model = nn.Linear(width, 1)
    checkpoint = Checkpoint(path, {"model": model}, **options)
    return model, Run(
        model.parameters(),
        lambda *_: (model(torch.ones(1, width)) - 1).square().mean(),
        plan or Plan(steps=3, every=1),
        seed=seed,
        checkpoint=checkpoint,
    )


@pytest.mark.parametrize("name", ["student", "run.pt", "a [1].x", "deep/er/run", ".hidden"])
def test_files_of_any_name_are_written_and_read(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, run = run_of(name)
    run.train()
    other, again = run_of(name)
    assert torch.equal(again.train(), run.losses)
    assert torch.equal(other.weight, model.weight)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_without_a_file_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_of(None)[1].train()
    assert list(tmp_path.iterdir()) == []


def test_saves_may_wait_but_the_last_one_comes(tmp_path):
    _, run = run_of(tmp_path / "run", seconds=1e6)
    seen = [(tmp_path / "run").exists() for _ in run]
    assert seen == [False, False, False]
    assert (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"plan": Plan(steps=4, every=1)}, "steps"),
        ({"plan": Plan(steps=3, every=1, learning_rate=0.5)}, "learning_rate"),
        ({"plan": Plan(steps=3, every=1, schedule="cosine")}, "schedule"),
        ({"plan": Plan(steps=3, every=1, optimizer="sgd")}, "optimizer"),
        ({"plan": Plan(steps=3, every=1, weight_decay=0.1)}, "optimizer"),
        ({"seed": 1}, "seed"),
        ({"width": 3}, "shapes"),
        ({"run": {"samples": 6}}, "samples"),
    ],
)
def test_another_runs_file_is_refused(change, what, tmp_path):
    run_of(tmp_path / "run", run={"samples": 5})[1].train()
    with pytest.raises(ArgumentError, match=f"checkpoint: expected the run it belongs to, got another {what}; give"):
        run_of(tmp_path / "run", **{"run": {"samples": 5}, **change})[1].train()


class Told:
    def __reduce__(self):
        return print, ("this must not be run",)


@pytest.mark.parametrize("content", [b"no checkpoint", b"", pickle.dumps(Told())])
def test_what_is_no_checkpoint_is_refused(content, tmp_path, capsys):
    (tmp_path / "run").write_bytes(content)
    with pytest.raises(DataError, match="run: not a readable checkpoint"):
        run_of(tmp_path / "run")[1].train()
    assert capsys.readouterr().out == ""


def test_files_of_other_kinds_and_times_are_refused(tmp_path):
    run_of(tmp_path / "run")[1].train()
    whole = torch.load(tmp_path / "run", weights_only=True)
    for change, message in (
        ({"haar.training": 9}, "expected schema 1 of training runs, got 9"),
        ({"states": {"model": {"weight": torch.zeros(1, 2)}}}, r"a checkpoint that does not fit \(RuntimeError\)"),
    ):
        torch.save(whole | change, tmp_path / "run")
        with pytest.raises(DataError, match=message):
            run_of(tmp_path / "run")[1].train()
    torch.save({"weights": torch.zeros(1)}, tmp_path / "run")
    with pytest.raises(DataError, match=r"not a readable checkpoint \(KeyError\)"):
        run_of(tmp_path / "run")[1].train()


def test_memory_layouts_come_back(tmp_path):
    layer = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)

    def run():
        return Run(
            layer.parameters(),
            lambda *_: layer(torch.ones(1, 3, 5, 5)).square().mean(),
            Plan(steps=2, every=1),
            checkpoint=Checkpoint(tmp_path / "run", {"layer": layer}),
        )

    run().train()
    again = run()
    again.train()
    moments = again.optimizer.state[layer.weight]["exp_avg"]
    assert moments.stride() == layer.weight.stride()
