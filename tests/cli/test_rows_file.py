"""Rows of a file as people write them: other byte orders, layouts and precisions; words are refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.cli.rows_file import read_rows
from haar.errors import DataError

X = np.random.default_rng(0).standard_normal((12, 3))


def written(folder, **parts):
    np.savez(folder / "rows.npz", **parts)
    return folder / "rows.npz"


@pytest.mark.parametrize("kind", ["<f8", ">f8", ">f4", "<f2"])
def test_numbers_are_read_in_every_byte_order(tmp_path, kind):
    x, y, runs = read_rows(
        written(tmp_path, x=X.astype(kind), y=X[:, :1].astype(">c16"), clusters=np.arange(12).astype(">i4")), most=100
    )
    torch.testing.assert_close(x.double(), torch.from_numpy(X.astype(kind).astype(float)), rtol=0, atol=0)
    torch.testing.assert_close(y.real, torch.from_numpy(X[:, :1]), rtol=0, atol=0)
    assert runs.tolist() == list(range(12))


def test_layouts_are_read_as_their_rows(tmp_path):
    for array in (np.asfortranarray(X), X[::-1], np.broadcast_to(X[:1], X.shape)):
        x, y, runs = read_rows(written(tmp_path, x=array), most=100)
        torch.testing.assert_close(x, torch.from_numpy(np.array(array)), rtol=0, atol=0)
        assert (y, runs) == (None, None)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"x": X, "clusters": np.array(list("ab") * 6)}, "clusters: expected numbers, got <U1"),
        ({"x": X.astype(str)}, "x: expected numbers, got <U"),
        (
            {"x": X, "y": np.array(["2020-01-01"] * 12, dtype="datetime64[D]")},
            r"y: expected numbers, got datetime64\[D\]",
        ),
        ({"x": X, "y": np.float64(3.0)}, "y: expected rows, got one number"),
        ({"x": np.float64(3.0)}, "x: expected rows, got one number"),
        ({"x": X[:, 0]}, r"expected x as rows of real numbers, got float64 \(12,\)"),
        ({"x": X + 1j}, "expected x as rows of real numbers, got complex128"),
        ({"x": X, "y": X[:5]}, "expected 12 rows of y, as of x, got 5"),
    ],
    ids=["names", "words", "dates", "one label", "one input", "no rows", "complex", "fewer labels"],
)
def test_other_things_are_refused_in_one_line(tmp_path, parts, words):
    with pytest.raises(DataError, match=words):
        read_rows(written(tmp_path, **parts), most=100)
