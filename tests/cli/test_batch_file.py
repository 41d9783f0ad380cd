"""DATA of haar compress: arrays and tables are read as every verb reads them."""

from __future__ import annotations

import json
import sys

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from haar import compress
from haar.cli.app import main
from haar.cli.batch_file import batches_of_data

OWN = """
import torch
from torch import nn

def make(outputs=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, int(outputs)))
"""
X = np.random.default_rng(0).normal(size=(150, 4))
CLASSES = (X.sum(1) > 0).astype(int) + (X[:, 0] > 1)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The same rows in files of every kind, in the current folder; a factory of models beside them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_rows.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_rows", raising=False)
    np.savez("rows.npz", x=X, y=CLASSES)
    with h5py.File("rows.h5", "w") as file:
        file["inputs"], file["labels"] = X, CLASSES
    np.savetxt("rows.csv", np.column_stack([X, CLASSES]), delimiter=",", header="a,b,c,d,kind", comments="")
    return tmp_path


def model(outputs=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, outputs))


@pytest.mark.parametrize(
    "data", [["rows.npz"], ["rows.h5"], ["rows.h5:inputs,labels"], ["rows.csv", "--labels", "kind"]], ids=" ".join
)
@pytest.mark.usefixtures("files")
def test_rows_of_every_kind_are_compressed_alike(data, capsys):
    how = ["--methods", "magnitude, wanda", "--levels", "0.5", "--draws", "0", "--calibration", data[0], "--json"]
    assert main(["compress", "sweep", "own_rows:make", *data, *how]) == 0
    found = json.loads(capsys.readouterr().out)
    whole = torch.tensor(X, dtype=torch.float32), torch.tensor(CLASSES)
    names = ["magnitude", "wanda"]
    told = compress.sweep(model(), names, None, whole, levels=[0.5], calibration=whole, draws=0)
    for mine, theirs in zip(found["curves"], told.to_dict()["curves"], strict=True):
        assert mine["metric"] == theirs["metric"]
        assert mine["points"][0]["value"] == pytest.approx(theirs["points"][0]["value"], rel=1e-5)  # other sums


@pytest.mark.usefixtures("files")
def test_one_column_is_classes_or_numbers_as_the_model_answers():
    batches = batches_of_data("rows.csv", model(), argument="DATA", labels="kind")
    assert [len(x) for x, _ in batches] == [64, 64, 22]
    assert all(x.dtype == torch.float32 for x, _ in batches)
    assert torch.equal(torch.cat([y for _, y in batches]), torch.tensor(CLASSES))
    (_, y), *_ = batches_of_data("rows.csv", model(1).double(), argument="DATA", labels="kind")
    assert (y.shape, y.dtype) == ((64, 1), torch.float64)
    (_, y), *_ = batches_of_data("rows.csv", nn.Flatten(0), argument="DATA", labels="b,c,d,kind")
    assert y.shape == (64, 4)
    np.savez("numbers.npz", x=X, y=X[:, 0])
    (_, y), *_ = batches_of_data("numbers.npz", model(1), argument="DATA")
    assert (y.shape, y.dtype) == ((64, 1), torch.float32)
    (_, y), *_ = batches_of_data("numbers.npz", model(3), argument="DATA")  # no classes: refused where losses are taken
    assert (y.shape, y.dtype) == ((64,), torch.float32)
    np.savez("alone.npz", x=X)
    assert [type(one) for one in batches_of_data("alone.npz", model(), argument="DATA")] == [torch.Tensor] * 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rows.csv"], "DATA: expected rows that Sequential takes, got (1, 5) float32, with RuntimeError: "),
        (["none.csv"], "none.csv: no such file"),
        (["rows.csv", "--labels", "sort"], "--labels: expected columns of rows.csv: headings (a, b, c, d, kind)"),
        (["own_rows:make", "--labels", "kind"], "--labels: expected columns of a table, or an array of .npz or .h5, "),
        (["own_rows:data"], "DATA: expected module:function, or a file of rows (.npz, .h5, .csv, .safetensors)"),
        (["rows.npz", "--calibration", "none.npz"], "none.npz: no such file"),
    ],
)
@pytest.mark.usefixtures("files")
def test_what_does_not_fit_is_one_line(words, told, capsys):
    assert main(["compress", "sweep", "own_rows:make", *words, "--methods", "magnitude"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("haar: ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"haar: {told}")
