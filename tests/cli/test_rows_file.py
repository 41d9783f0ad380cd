"""Rows of a file as people write them: other byte orders, layouts and precisions; words are refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.cli.rows_file import read_rows
from haar.errors import DataError, HaarError

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
    ids=["words", "dates", "one label", "one input", "no rows", "complex", "fewer labels"],
)
def test_other_things_are_refused_in_one_line(tmp_path, parts, words):
    with pytest.raises(DataError, match=words):
        read_rows(written(tmp_path, **parts), most=100)


def table(folder, *, names, headings=True, name="rows.csv"):
    """Three columns of numbers with one between them that tells the trajectory."""
    lines = [f"{a!r},{mark},{b!r},{c!r}" for mark, (a, b, c) in zip(names, X.tolist(), strict=True)]
    (folder / name).write_text("\n".join(["u,run,v,E"] * headings + lines) + "\n")
    return folder / name


@pytest.mark.parametrize("names", [list("bbbbaaaacccc"), [7] * 4 + [3] * 4 + [9] * 4], ids=["names", "numbers"])
@pytest.mark.parametrize("word", ["run", "1", "-3"])
def test_a_column_of_a_table_tells_trajectories(tmp_path, names, word):
    path = table(tmp_path, names=names)
    x, y, runs = read_rows(path, most=100, labels="E", trajectories=word)
    torch.testing.assert_close(x, torch.from_numpy(X[:, :2]), rtol=0, atol=0)
    torch.testing.assert_close(y, torch.from_numpy(X[:, 2:]), rtol=0, atol=0)
    assert runs.dtype == torch.int64
    assert [len(runs[k : k + 4].unique()) for k in (0, 4, 8)] == [1, 1, 1]
    assert len(runs.unique()) == 3
    x, y, runs = read_rows(path, most=6, trajectories=word)  # spread evenly, with the marks of their rows
    torch.testing.assert_close(x, torch.from_numpy(X[[0, 2, 4, 7, 9, 11]]), rtol=0, atol=0)
    assert y is None
    assert len(runs.unique()) == 3


def test_trajectories_of_arrays_and_of_tables_without_headings(tmp_path):
    marks = np.repeat([2, 5, 4], 4)
    _, _, runs = read_rows(written(tmp_path, x=X, day=marks), most=100, trajectories="day")
    assert runs.tolist() == marks.tolist()
    _, _, runs = read_rows(written(tmp_path, x=X, clusters=np.array(list("ab") * 6)), most=100)
    assert runs.tolist() == [0, 1] * 6
    np.save(tmp_path / "rows.npy", np.c_[X, marks])
    x, _, runs = read_rows(tmp_path / "rows.npy", most=100, trajectories="3")
    assert (x.shape, runs.tolist()) == ((12, 3), marks.tolist())
    x, _, runs = read_rows(table(tmp_path, names=marks.tolist(), headings=False), most=100, trajectories="1")
    assert (x.shape, runs.tolist()) == ((12, 3), marks.tolist())


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        ([1] * 12, {"trajectories": "day"}, r"--trajectories: expected columns of .*headings \(u, run, v, E\) or numb"),
        ([1] * 12, {"trajectories": "run", "labels": "run"}, r"--labels: expected columns of .*headings \(u, v, E\)"),
        (
            [0.5] * 12,
            {"trajectories": "run"},
            "--trajectories: expected a column of whole numbers or names, got 0.5 in",
        ),
        (["a"] * 12, {"trajectories": "u"}, "not rows of numbers beside u"),
        ([1] * 12, {"trajectories": "run", "labels": "u,v,E"}, "--labels: expected columns beside which there are inp"),
    ],
)
def test_what_tells_no_trajectories_is_refused(tmp_path, names, options, words):
    with pytest.raises(HaarError, match=words):
        read_rows(table(tmp_path, names=names), most=100, **options)
