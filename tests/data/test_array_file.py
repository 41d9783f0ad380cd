"""Arrays by name in HDF5 of no particular format: found, named behind a colon, told from The Well's files."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from haar.actions import FieldSpec
from haar.data import Axis, write_well
from haar.data.array_file import INPUTS, LABELS, Hdf5Arrays, array_named, arrays_of, holds_arrays
from haar.errors import DataError

X, Y = np.arange(24.0).reshape(4, 6), np.arange(4)


@pytest.fixture
def folder(tmp_path):
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        file["inputs"], file["targets"] = X, Y
        file["words"] = np.array([b"a", b"b"])
    with h5py.File(tmp_path / "deep.hdf5", "w") as file:
        file["sim/u"], file["sim/v"], file["sim/run"] = X, 2 * X, Y
    np.savez(tmp_path / "arrays.npz", x=X)
    return tmp_path


@pytest.fixture
def well(tmp_path):
    axes = [Axis.periodic_nodes(name, 4, length=1.0) for name in "xy"]
    run = {"p": np.zeros((2, 4, 4))}
    fields, times = [FieldSpec("p")], np.linspace(0.0, 1.0, 2)
    both = {"train": [run], "test": [run]}
    return write_well(tmp_path / "well", both, name="p", axes=axes, fields=fields, times=times)


def test_data_sets_of_numbers_by_their_paths(folder):
    flat, deep = Hdf5Arrays(folder / "flat.h5"), Hdf5Arrays(folder / "deep.hdf5")
    assert (sorted(flat), sorted(deep), len(deep)) == (["inputs", "targets"], ["sim/run", "sim/u", "sim/v"], 3)
    np.testing.assert_array_equal(flat["inputs"], X)
    np.testing.assert_array_equal(deep["sim/v"], 2 * X)
    with pytest.raises(KeyError):
        deep["words"]


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("sim/u", {"x": X}),
        ("/sim/u, /sim/v", {"x": X, "y": 2 * X}),
        ("sim/v,sim/u,sim/run", {"x": 2 * X, "y": X, "clusters": Y}),
    ],
)
def test_names_behind_a_colon(folder, names, wanted):
    path = Path(f"{folder}/deep.hdf5:{names}")
    assert holds_arrays(path)
    held = arrays_of(path)
    assert set(held) == set(wanted)
    for name, values in wanted.items():
        np.testing.assert_array_equal(held[name], values)


def test_arrays_by_their_usual_names(folder):
    held = arrays_of(folder / "flat.h5")
    np.testing.assert_array_equal(array_named(folder / "flat.h5", held, INPUTS), X)
    np.testing.assert_array_equal(array_named(folder / "flat.h5", held, LABELS), Y)
    with pytest.raises(DataError, match=r"no x \(x, inputs, input\); it holds sim/run \(4,\), sim/u \(4, 6\), .*:sim/"):
        array_named(folder / "deep.hdf5", arrays_of(folder / "deep.hdf5"), INPUTS)
    with pytest.raises(DataError, match=r"arrays\.npz: no y \(y, labels, targets\); it holds x$"):
        array_named(folder / "arrays.npz", arrays_of(folder / "arrays.npz"), LABELS)


def test_what_holds_arrays(folder, well):
    assert holds_arrays(folder / "flat.h5")
    assert holds_arrays(folder / "arrays.npz")
    assert not holds_arrays(folder / "missing.h5")
    assert not holds_arrays(folder / "table.csv")
    assert not holds_arrays(well)
    assert not holds_arrays(next(well.rglob("*.hdf5")))


def test_what_cannot_be_read_is_refused(folder):
    with pytest.raises(DataError, match=r"deep\.hdf5: no data set sim/q; it holds sim/run \(4,\), sim/u"):
        Hdf5Arrays(Path(f"{folder}/deep.hdf5:sim/q"))
    with pytest.raises(DataError, match="at most inputs, labels and trajectories, got 4 names"):
        Hdf5Arrays(Path(f"{folder}/deep.hdf5:sim/u,sim/u,sim/u,sim/u"))
    with pytest.raises(DataError, match=r"gone\.h5: no such file"):
        arrays_of(Path(f"{folder}/gone.h5:x"))
    with h5py.File(folder / "link.h5", "w") as file:
        file["x"] = h5py.ExternalLink("flat.h5", "inputs")
    with pytest.raises(DataError, match="a link into another file"):
        holds_arrays(folder / "link.h5")
    (folder / "broken.h5").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"broken\.h5: opening it as HDF5 failed"):
        holds_arrays(folder / "broken.h5")
