"""Graphs of ONNX as models: the numbers of the torch model, of any batch size; what is no model is refused."""

from __future__ import annotations

import copy
import json
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import haar
from haar.cli.app import main
from haar.cli.model_file import load_model
from haar.errors import DataError
from haar.programs import OnnxModel

pytest.importorskip("onnxruntime", reason="the extra onnx")
pytest.importorskip("onnxscript", reason="the extra onnx")


class Pair(nn.Module):
    def forward(self, x, z):
        return x + z


def conv():
    torch.manual_seed(0)
    return nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular").eval()


def written(model, given, name, *, free):
    shapes = tuple({0: torch.export.Dim("batch")} for _ in given) if free else None
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(model, given, name, dynamic_shapes=shapes, verbose=False, external_data=False)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs")
    x = torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    for name, free in (("free", True), ("fixed", False)):
        written(conv(), (x,), str(folder / f"{name}.onnx"), free=free)
    written(Pair(), (x, x), str(folder / "pair.onnx"), free=True)
    rows = torch.randn(24, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    np.savez(folder / "rows.npz", x=rows.numpy(), y=rows.mean((2, 3), keepdim=True).expand(-1, -1, 6, 6).numpy())
    return folder


@pytest.mark.parametrize("name", ["free", "fixed"])
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_numbers_are_those_of_the_torch_model(graphs, name, rows):
    x = torch.randn(rows, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(rows))
    graph = OnnxModel(graphs / f"{name}.onnx")
    assert graph.batch == (None if name == "free" else 2)
    for each in (graph, copy.deepcopy(graph).train()):
        torch.testing.assert_close(each(x), conv()(x.float()).detach(), rtol=1e-5, atol=1e-6)


def test_what_a_file_says_of_its_input(graphs):
    free, fixed = (load_model(str(graphs / f"{name}.onnx")) for name in ("free", "fixed"))
    assert [each.channels for each in (free, fixed)] == [1, 1]
    assert [each.space for each in (free, fixed)] == [(6, 6), (6, 6)]
    assert [each.batched for each in (free, fixed)] == [True, False]


@pytest.mark.parametrize("name", ["free", "fixed"])
def test_a_graph_is_audited_and_checked(graphs, name, monkeypatch, capsys):
    monkeypatch.chdir(graphs)
    given = [f"{name}.onnx", "rows.npz", "--group", "D4", "--fields", "p"]
    assert main(["audit", *given, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["recommendation"]["verdict"] == "average"
    assert main(["check", *given, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["action"] == "average"
    assert [command.split()[1] for command in told["commands"]] == ["audit", "average"]
    with warnings.catch_warnings(action="ignore"):
        assert main(told["commands"][1].replace("'", "").split()[1:]) == 0
    capsys.readouterr()
    symmetric, repaired = OnnxModel(graphs / "averaged.onnx"), OnnxModel(graphs / "haar-check" / "repaired.onnx")
    assert symmetric.batch == repaired.batch == (None if name == "free" else 2)
    x = torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(5))
    ours = haar.average(conv(), haar.Symmetry.of_fields("D4", "p"))
    torch.testing.assert_close(symmetric(x), ours(x).detach(), rtol=1e-5, atol=1e-6)
    assert main(["check", *given, "--group", "C4"]) == 0
    assert "repaired model: haar-check/repaired.onnx" in capsys.readouterr().out


def test_what_is_no_model_is_one_line(graphs, monkeypatch, capsys):
    monkeypatch.chdir(graphs)
    (graphs / "bad.onnx").write_bytes(b"xx")
    with pytest.raises(DataError, match=r"bad\.onnx: not a graph of ONNX"):
        OnnxModel(graphs / "bad.onnx")
    with pytest.raises(
        DataError, match=r"expected one input of real numbers, got x tensor\(float\), z tensor\(float\)"
    ):
        OnnxModel(graphs / "pair.onnx")
    assert main(["average", "free.onnx", "--group", "D4", "--fields", "p", "-o", "a.pt2"]) == 2
    said = capsys.readouterr().err
    assert "--output: expected a name that ends in .onnx, as MODEL does, got a.pt2" in said
