"""Labelled fields from arrays and from The Well's format, and `haar audit conventions` as it is typed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from haar.cli.app import main
from haar.cli.labelled_fields import labelled_fields
from haar.errors import ArgumentError, DataError


@pytest.fixture
def arrays(tmp_path):
    """A velocity, and half of it turned by what turns with space: its components stand in reverse order."""
    rng = np.random.default_rng(0)
    s, u = rng.normal(size=(24, 1, 6, 6)), rng.normal(size=(24, 2, 6, 6))
    slopes = np.concatenate([np.roll(s, -1, axis) - np.roll(s, 1, axis) for axis in (3, 2)], 1)
    np.savez(tmp_path / "a.npz", x=np.concatenate([s, u], 1), y=np.concatenate([s, u + slopes], 1))
    return tmp_path / "a.npz"


def test_arrays_as_they_are_typed(arrays, tmp_path, capsys):
    typed = ["audit", "conventions", str(arrays), "--group", "D4", "--fields", "s, u:vector"]
    assert main([*typed, "--out", str(tmp_path / "out")]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "order of components: u is reversed, not as the axes of the array" in out
    told = json.loads((tmp_path / "out" / "audit.json").read_text(encoding="utf-8"))
    assert [one["question"] for one in told["choices"] if one["contradicted"]] == ["order of components: u"]
    assert main([*typed, "--json", "--samples", "16"]) == 0
    assert json.loads(capsys.readouterr().out)["trajectories"] == 16


def test_what_arrays_are_read_as(arrays, tmp_path):
    held = dict(np.load(arrays))
    symmetry, (x, y) = labelled_fields(arrays, "D4", fields="s, u:vector", centring="node")
    assert symmetry.inputs[0].centring == "node"
    assert np.array_equal(x, held["x"])
    assert np.array_equal(y, held["y"])
    np.savez(tmp_path / "b.npz", inputs=held["x"], targets=held["y"][:, :1], clusters=np.arange(24) // 2)
    symmetry, (record,) = labelled_fields(tmp_path / "b.npz", "D4", fields="s, u:vector", outputs="s")
    assert symmetry.outputs.rep.dim == 1
    assert record["clusters"].tolist()[:3] == [0, 0, 1]


def test_a_well_data_set(well, capsys):
    with pytest.raises(ArgumentError, match="--outputs: expected none beside The Well's files"):
        labelled_fields(well, "D4", outputs="tracer")
    assert main(["audit", "conventions", str(well), "--group", "D4", "--json"]) == 2
    assert "expected at least 8 independent trajectories, got 5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({}, {"fields": None}, ArgumentError, "--fields: expected the fields of x, such as 'p, u:vector', got none"),
        ({"x": None}, {}, DataError, r"a.npz: no x \(x, inputs, input\); it holds y"),
        ({"y": np.zeros((23, 3, 6, 6))}, {}, DataError, r"expected x and y \(n, channel, \*space\), got"),
        ({"clusters": np.zeros(24)}, {}, DataError, r"expected clusters as 24 whole numbers, got float64 \(24,\)"),
    ],
)
def test_what_is_none(change, options, error, message, arrays):
    held = {key: value for key, value in {**dict(np.load(arrays)), **change}.items() if value is not None}
    np.savez(arrays, **held)
    with pytest.raises(error, match=message):
        labelled_fields(arrays, "D4", **{"fields": "s, u:vector", **options})
