"""The form of a written file, looked at with h5py alone: the rules of the format, one by one."""

from __future__ import annotations

import h5py
import numpy as np
import pytest


@pytest.fixture(params=["everything", "everything_full"])
def file(request):
    root = request.getfixturevalue(request.param).root
    with h5py.File(root / "data" / "train" / "set_0.hdf5", "r") as opened:
        yield opened


def is_flag(value):
    return isinstance(value, bool | np.bool_)


def is_list_of_text(value):
    return isinstance(value, np.ndarray) and all(isinstance(each, str) for each in value)


def test_root(file):
    assert file.attrs["dataset_name"] == "everything"
    assert file.attrs["grid_type"] == "cartesian"
    assert isinstance(file.attrs["n_spatial_dims"], np.integer)
    assert isinstance(file.attrs["n_trajectories"], np.integer)
    assert file.attrs["n_trajectories"] == 3
    assert list(file.attrs["simulation_parameters"]) == ["Reynolds", "kind"]
    assert file.attrs["Reynolds"] == 100.0
    assert file.attrs["kind"] == "made up"


def test_dimensions(file):
    group = file["dimensions"]
    assert list(group.attrs["spatial_dims"]) == ["x", "y"]
    assert group["time"].shape == (5,)
    assert group["time"].dtype == np.float32
    for name, size, varies in (("time", 5, True), ("x", 6, False), ("y", 8, False)):
        assert group[name].shape == (size,)
        assert is_flag(group[name].attrs["sample_varying"])
        assert bool(group[name].attrs["time_varying"]) is varies


def test_boundaries(file):
    group = file["boundary_conditions"]
    assert set(group) == {"x_periodic", "y_wall", "y_open", "obstacle"}
    for name, entry in group.items():
        assert is_list_of_text(entry.attrs["associated_dims"])
        assert is_list_of_text(entry.attrs["associated_fields"])
        assert entry.attrs["bc_type"] in {"PERIODIC", "WALL", "OPEN"}
        assert is_flag(entry.attrs["sample_varying"]), name
        assert is_flag(entry.attrs["time_varying"]), name
        assert entry["mask"].dtype == bool
    assert np.flatnonzero(group["x_periodic"]["mask"]).tolist() == [0, 5]
    assert np.flatnonzero(group["y_wall"]["mask"]).tolist() == [0]
    assert np.flatnonzero(group["y_open"]["mask"]).tolist() == [7]
    assert group["obstacle"]["values"].shape == (int(group["obstacle"]["mask"][()].sum()),)


def test_scalars(file):
    group = file["scalars"]
    assert set(group.attrs["field_names"]) == {"Reynolds", "gravity", "drive", "angle", "tide"}
    shapes = {"Reynolds": (), "gravity": (), "drive": (5,), "angle": (3,), "tide": (3, 5)}
    for name, shape in shapes.items():
        assert group[name].shape == shape
        varying = int(group[name].attrs["sample_varying"]) + int(group[name].attrs["time_varying"])
        assert len(shape) == varying


@pytest.mark.parametrize("order", [0, 1, 2])
def test_fields(file, order):
    group = file[f"t{order}_fields"]
    assert is_list_of_text(group.attrs["field_names"])
    assert set(group.attrs["field_names"]) == set(group)
    for name, stored in group.items():
        assert stored.dtype == np.float32
        assert is_flag(stored.attrs["sample_varying"]), name
        assert is_flag(stored.attrs["time_varying"]), name
        along = stored.attrs["dim_varying"]
        assert along.dtype == bool
        expected = [3] * bool(stored.attrs["sample_varying"]) + [5] * bool(stored.attrs["time_varying"])
        expected += [size for size, varies in zip((6, 8), along, strict=True) if varies] + [2] * order
        assert list(stored.shape) == expected
        if order == 2:
            assert is_flag(stored.attrs["symmetric"]), name
            assert is_flag(stored.attrs["antisymmetric"]), name


def test_what_the_format_has_no_place_for_is_in_attributes_of_its_own(file):
    assert file["t0_fields"]["vorticity"].attrs["parity"] == -1
    assert file["t2_fields"]["strain"].attrs["units"] == "1/s"
    assert file["dimensions"]["x"].attrs["centring"] == "periodic-node"


def test_empty_groups_are_there(tmp_path):
    from haar.actions.layout import FieldSpec
    from haar.data.well import Axis, WellWriter

    path = tmp_path / "scalar.hdf5"
    with WellWriter(
        path, name="s", axes=[Axis.cells("x", 3, length=1.0)], fields=[FieldSpec("p")], times=[0.0]
    ) as writer:
        writer.append({"p": np.zeros((1, 3))})
    with h5py.File(path, "r") as opened:
        for title in ("t1_fields", "t2_fields", "scalars"):
            assert len(opened[title].attrs["field_names"]) == 0
            assert is_list_of_text(opened[title].attrs["field_names"])
        assert is_list_of_text(opened.attrs["simulation_parameters"])
