"""Exported programs take rows of any number, whatever batches they were traced for."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from haar.cli.app import main
from haar.cli.model_file import load_model
from haar.cli.program_batches import BatchSizes
from haar.errors import ArgumentError


class Leaning(torch.nn.Module):
    """A square of vectors in the plane, and a little of one coordinate."""

    def forward(self, x):
        return {"y": x.square().sum(1, keepdim=True) + 0.3 * x[:, :1]}


class Plain(Leaning):
    """The same without a name."""

    def forward(self, x):
        return super().forward(x)["y"]


def _written(model, **axes):
    torch.export.save(torch.export.export(model, (torch.zeros(6, 2),), **axes), "m.pt2")


BATCHES = [
    None,
    {0: torch.export.Dim("b", min=2, max=5)},
    {0: torch.export.Dim("b", min=5, max=8)},
    {0: 3 * torch.export.Dim("b", min=2, max=4)},
    {0: torch.export.Dim("b")},
]


@pytest.mark.parametrize("axes", BATCHES)
def test_rows_of_any_number_give_what_the_model_gives(tmp_path, monkeypatch, axes):
    monkeypatch.chdir(tmp_path)
    model = Leaning()
    shown = (torch.zeros(5 if axes is BATCHES[1] else 6, 2),)
    program = torch.export.export(model, shown, dynamic_shapes=None if axes is None else (axes,))
    torch.export.save(program, "m.pt2")
    loaded = load_model("m.pt2", fields=False)
    assert loaded.batched == (axes is BATCHES[-1])
    for rows in (1, 2, 5, 6, 7, 13, 24, 25):
        x = torch.randn(rows, 2)
        torch.testing.assert_close(loaded.module(x)["y"], model(x)["y"])


def test_batches_are_as_large_as_they_may_be_and_filled_up_to_a_size_that_is_taken():
    assert BatchSizes(4, 12, 4).split(18) == [(12, 12), (6, 8)]
    assert BatchSizes(4, 4).split(9) == [(4, 4), (4, 4), (1, 4)]
    assert BatchSizes(10, 64).split(65) == [(64, 64), (1, 10)]
    assert BatchSizes(3, None, 2).split(6) == [(6, 7)]


def test_an_output_that_has_no_rows_is_refused_where_rows_are_filled_up(tmp_path, monkeypatch):
    class Whole(torch.nn.Module):
        def forward(self, x):
            return x.sum()

    monkeypatch.chdir(tmp_path)
    _written(Whole())
    module = load_model("m.pt2", fields=False).module
    assert module(torch.ones(6, 2)) == 12
    with pytest.raises(ArgumentError, match=r"MODEL: expected outputs of 6 rows.*export it with a batch size without"):
        module(torch.ones(5, 2))


@pytest.mark.parametrize("axes", [BATCHES[0], BATCHES[2]])
def test_every_verb_takes_a_program_of_some_batches(tmp_path, monkeypatch, capsys, axes):
    monkeypatch.chdir(tmp_path)
    _written(Plain(), dynamic_shapes=None if axes is None else (axes,))
    x = np.random.default_rng(0).standard_normal((60, 2)).astype("float32")
    np.savez("rows.npz", x=x, y=(x**2).sum(1, keepdims=True))
    assert main(["check", "m.pt2", "rows.npz", "--group", "D4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["action"] == "average"
    again = torch.export.load("haar-check/repaired.pt2").module()
    x = torch.randn(1, 2)
    torch.testing.assert_close(again(x), x.square().sum(1, keepdim=True))
    assert main(["audit", "m.pt2", "rows.npz", "--group", "C4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recommendation"]["verdict"] == "average"
    assert main(["discover", "m.pt2", "rows.npz", "--kinds", "finite", "--json"]) == 0
    assert "finite" in json.loads(capsys.readouterr().out)["sentence"].lower()
