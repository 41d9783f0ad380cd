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
    batches, _ = batches_of_data("rows.csv", model(), argument="DATA", labels="kind")
    assert [len(x) for x, _ in batches] == [64, 64, 22]
    assert all(x.dtype == torch.float32 for x, _ in batches)
    assert torch.equal(torch.cat([y for _, y in batches]), torch.tensor(CLASSES))
    ((_, y), *_), _ = batches_of_data("rows.csv", model(1).double(), argument="DATA", labels="kind")
    assert (y.shape, y.dtype) == ((64, 1), torch.float64)
    ((_, y), *_), _ = batches_of_data("rows.csv", nn.Flatten(0), argument="DATA", labels="b,c,d,kind")
    assert y.shape == (64, 4)
    np.savez("numbers.npz", x=X, y=X[:, 0])
    ((_, y), *_), _ = batches_of_data("numbers.npz", model(1), argument="DATA")
    assert (y.shape, y.dtype) == ((64, 1), torch.float32)
    # no classes: refused where losses are taken
    ((_, y), *_), _ = batches_of_data("numbers.npz", model(3), argument="DATA")
    assert (y.shape, y.dtype) == ((64,), torch.float32)
    np.savez("alone.npz", x=X)
    assert batches_of_data("alone.npz", model(), argument="DATA")[1] is None
    assert [type(one) for one in batches_of_data("alone.npz", model(), argument="DATA")[0]] == [torch.Tensor] * 3


def days():
    """Ten days of fifteen rows each, not in order."""
    return np.random.default_rng(1).permutation(np.repeat(np.arange(10), 15))


@pytest.fixture
def marked(files):
    """Rows with the day of each, in a table and in arrays, and rows for calibration."""
    head, kinds = "a,day,b,c,d,kind", [f"day {day}" for day in days()]
    rows = [",".join([str(x[0]), kind, *map(str, x[1:]), str(y)]) for x, kind, y in zip(X, kinds, CLASSES, strict=True)]
    (files / "days.csv").write_text("\n".join([head, *rows]))
    np.savez("days.npz", x=X, y=CLASSES, clusters=days())
    np.savez("other.npz", x=X, y=CLASSES, day=np.array(kinds))
    return files


TABLE = ["days.csv", "--labels", "kind", "--trajectories", "day"]
ARRAYS = ["other.npz", "--trajectories", "day"]


@pytest.mark.parametrize("data", [TABLE, ["days.npz"], ARRAYS], ids=" ".join)
@pytest.mark.parametrize("by_layer", [False, True], ids=["sweep", "by layer"])
@pytest.mark.usefixtures("marked")
def test_a_column_tells_trajectories_that_are_drawn_whole(data, by_layer, capsys):
    how = ["--by-layer", "magnitude"] if by_layer else ["--methods", "magnitude, wanda", "--calibration", data[0]]
    how += ["--levels", "0.5", "--metrics", "loss", "--layers", "*", "--draws", "40", "--json"]
    assert main(["compress", "sweep", "own_rows:make", *data, *how]) == 0
    found = json.loads(capsys.readouterr().out)
    whole = torch.tensor(X, dtype=torch.float32), torch.tensor(CLASSES)
    told = {"layers": ["*"], "draws": 40, "clusters": days()}
    if by_layer:
        wanted = compress.sensitivity(model(), "magnitude", ["loss"], whole, level=0.5, **told).to_dict()
        pairs = [(found["together"], wanted["together"])]
    else:
        names = ["magnitude", "wanda"]
        wanted = compress.sweep(model(), names, ["loss"], whole, levels=[0.5], calibration=whole, **told).to_dict()
        assert found["trajectories"] == wanted["trajectories"] == 10
        pairs = [(a["points"][0], b["points"][0]) for a, b in zip(found["curves"], wanted["curves"], strict=True)]
    for mine, theirs in pairs:
        assert mine == {end: pytest.approx(value, rel=1e-5) for end, value in theirs.items()}  # sums of other batches


@pytest.mark.usefixtures("marked")
def test_a_gauge_audit_leaves_the_column_out_of_the_inputs(capsys):
    assert main(["compress", "gauge", "own_rows:make", *TABLE, "--methods", "magnitude", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    whole = torch.tensor(X, dtype=torch.float32), torch.tensor(CLASSES)
    wanted = compress.gauge(model(), ["magnitude"], None, whole).to_dict()
    assert list(found) == list(wanted)
    assert found["dense"] == pytest.approx(wanted["dense"], rel=1e-5)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["days.csv", "--labels", "kind", "--trajectories", "week"], "--trajectories: expected columns of days.csv: "),
        (
            ["own_rows:make", "--trajectories", "day"],
            "--trajectories: expected columns of a table, or an array of .npz ",
        ),
        (
            [*TABLE, "--metrics", "cka"],
            "--metrics: expected metrics of every sample beside clusters, 150 numbers, got ",
        ),
    ],
)
@pytest.mark.usefixtures("marked")
def test_trajectories_that_do_not_fit_are_one_line(words, told, capsys):
    assert main(["compress", "sweep", "own_rows:make", *words, "--methods", "magnitude"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("haar: ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"haar: {told}")


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
