"""Clouds from arrays and molecules, read as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.cli.cloud_file import read_clouds
from haar.errors import ArgumentError, DataError

POINTS = np.arange(24.0).reshape(2, 4, 3)


def test_one_cloud_or_many_and_no_more_than_are_asked_for(tmp_path):
    np.save(tmp_path / "one.npy", POINTS[0])
    clouds, names, marks = read_clouds(tmp_path / "one.npy")
    assert ([cloud.tolist() for cloud in clouds], names, marks) == ([POINTS[0].tolist()], ["0"], None)
    np.save(tmp_path / "two.npy", POINTS)
    assert [cloud.tolist() for cloud in read_clouds(tmp_path / "two.npy")[0]] == POINTS.tolist()
    assert [cloud.tolist() for cloud in read_clouds(tmp_path / "two.npy", most=1)[0]] == [POINTS[0].tolist()]


@pytest.mark.parametrize(
    ("kind", "found"),
    [("<f4", torch.float32), (">f4", torch.float32), *((kind, torch.float64) for kind in ("f8", "i4", "u1"))],
)
def test_single_precision_stays_and_the_rest_is_double(tmp_path, kind, found):
    np.save(tmp_path / "a.npy", POINTS.astype(kind))
    (first, _), _, _ = read_clouds(tmp_path / "a.npy")
    assert (first.dtype, first.tolist()) == (found, POINTS[0].tolist())


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3), r"FILE: expected numbers \(n, d\) or \(clouds, n, d\), got float64 \(3,\)"),
        (np.zeros((1, 1, 2, 2)), r"got float64 \(1, 1, 2, 2\)"),
        (np.zeros((0, 3)), r"got float64 \(0, 3\)"),
        (np.zeros((2, 3), dtype=complex), r"got complex128 \(2, 3\)"),
        (np.zeros((2, 3), dtype=np.float16), "expected float32 or float64, got float16; principal axes of rounded"),
        (np.full((2, 3), np.inf), "expected finite coordinates, got NaN or infinity"),
    ],
)
def test_arrays_that_are_no_clouds(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ArgumentError, match=message):
        read_clouds(tmp_path / "a.npy")


WATER = "3\n\nO 0 0 0\nH 0 0 1\nH 0 1 0\n"


def test_molecules_are_named_and_marked_by_their_atoms(tmp_path):
    pytest.importorskip("ase", reason="needs the extra haar[chemistry]")
    (tmp_path / "a.xyz").write_text(WATER + "1\n\nHe 1 2 3\n")
    clouds, names, marks = read_clouds(tmp_path / "a.xyz")
    assert names == ["0 H2O", "1 He"]
    assert [mark.tolist() for mark in marks] == [[0.8, 0.1, 0.1], [0.2]]
    assert clouds[1].tolist() == [[1, 2, 3]]
    assert clouds[0].dtype == marks[0].dtype == torch.float64


def test_frames_that_promise_more_atoms_than_there_are(tmp_path):
    pytest.importorskip("ase", reason="needs the extra haar[chemistry]")
    path = tmp_path / "a.xyz"
    path.write_text(WATER + "2\n\nH 0 0 0\n")
    with pytest.raises(DataError, match=r"a.xyz: frame 1 promises 2 atoms, and holds 1$"):
        read_clouds(path)
    assert read_clouds(path, most=1)[1] == ["0 H2O"]  # nobody looks at the second
    path.write_text("5\n")
    with pytest.raises(DataError, match=r"a.xyz: frame 0 promises 5 atoms, and holds 0$"):
        read_clouds(path)
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(DataError, match=r"a\.xyz: cannot be read as text"):
        read_clouds(path)
    (tmp_path / "a@1.cif").write_text("none")
    with pytest.raises(ArgumentError, match=r"FILE: expected a name without @, got 'a@1\.cif'; rename it"):
        read_clouds(tmp_path / "a@1.cif")
