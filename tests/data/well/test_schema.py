"""Every way in which a file can fail to follow the format is one clear line, and names the file."""

from __future__ import annotations

import re
import shutil

import h5py
import numpy as np
import pytest

from haar.data.well import WellReader
from haar.errors import DataError


@pytest.fixture
def path(everything, tmp_path):
    copy = tmp_path / "run.hdf5"
    shutil.copy(everything.root / "data" / "train" / "set_0.hdf5", copy)
    return copy


def replace(group, name, values):
    attributes = dict(group[name].attrs)
    del group[name]
    group.create_dataset(name, data=values).attrs.update(attributes)


def delete(file, name):
    del file[name]


def set_attribute(where, name, value):
    def damage(file):
        file[where].attrs[name] = value

    return damage


def drop_attribute(where, name):
    def damage(file):
        del file[where].attrs[name]

    return damage


NO_TEXT = np.array([], dtype=h5py.string_dtype())
DAMAGES = {
    "no dimensions": (lambda f: delete(f, "dimensions"), "the group dimensions is missing"),
    "no t2 group": (lambda f: delete(f, "t2_fields"), "the group t2_fields is missing; a Well file has one"),
    "no scalars": (lambda f: delete(f, "scalars"), "the group scalars is missing"),
    "no boundaries": (lambda f: delete(f, "boundary_conditions"), "the group boundary_conditions is missing"),
    "no time": (lambda f: delete(f, "dimensions/time"), "no data set time in /dimensions"),
    "no axis": (lambda f: delete(f, "dimensions/y"), "no data set y in /dimensions"),
    "no field": (lambda f: delete(f, "t1_fields/velocity"), "/t1_fields lists velocity, but holds no such data set"),
    "no scalar": (lambda f: delete(f, "scalars/gravity"), "/scalars lists gravity, but holds no such data set"),
    "no mask": (
        lambda f: delete(f, "boundary_conditions/y_wall/mask"),
        "no data set mask in /boundary_conditions/y_wall",
    ),
    "no names": (drop_attribute("t0_fields", "field_names"), "/t0_fields has no attribute field_names"),
    "no flag": (
        drop_attribute("t0_fields/pressure", "time_varying"),
        "/t0_fields/pressure has no attribute time_varying",
    ),
    "no data set name": (drop_attribute("/", "dataset_name"), "/ has no attribute dataset_name"),
    "no parameter": (drop_attribute("/", "Reynolds"), "/ has no attribute Reynolds"),
    "group in place of data": (
        lambda f: (delete(f, "t0_fields/pressure"), f.create_group("t0_fields/pressure")),
        "/t0_fields lists pressure, but holds no such data set",
    ),
    "data in place of group": (
        lambda f: (delete(f, "t2_fields"), f.create_dataset("t2_fields", data=1.0)),
        "t2_fields is not a group",
    ),
    "dimensions disagree": (
        set_attribute("/", "n_spatial_dims", 3),
        "n_spatial_dims is 3 and spatial_dims names 2 axes",
    ),
    "no trajectories": (set_attribute("/", "n_trajectories", 0), "the file holds 0 trajectories of 5 steps"),
    "more trajectories": (
        set_attribute("/", "n_trajectories", 4),
        r"should have the shape \(4, 5, 6, 8\), it has \(3, 5, 6, 8\)",
    ),
    "number as text": (
        set_attribute("/", "n_trajectories", "three"),
        "the attribute n_trajectories of / should be one whole number, it is three",
    ),
    "half a trajectory": (set_attribute("/", "n_trajectories", 2.5), "should be one whole number, it is 2.5"),
    "text as number": (set_attribute("/", "grid_type", 7), "the attribute grid_type of / should be text, it is 7"),
    "flag as text": (
        set_attribute("t0_fields/pressure", "sample_varying", "yes"),
        "the attribute sample_varying of /t0_fields/pressure should be True or False, it is yes",
    ),
    "too few flags": (
        set_attribute("t0_fields/pressure", "dim_varying", [True]),
        "the attribute dim_varying of /t0_fields/pressure should be 2 values True or False",
    ),
    "parity of 2": (
        set_attribute("t0_fields/vorticity", "parity", 2),
        "parity of /t0_fields/vorticity should be 1 or -1",
    ),
    "odd centring": (
        set_attribute("dimensions/x", "centring", "edge"),
        "coordinates /dimensions/x are wrong: centring",
    ),
    "moving grid": (set_attribute("dimensions/x", "time_varying", True), "/dimensions/x vary in time; moving grids"),
    "odd boundary type": (
        set_attribute("boundary_conditions/y_wall", "bc_type", "SLIP"),
        "the boundary y_wall has an unknown bc_type: boundary: expected 'WALL', 'OPEN' or 'PERIODIC', got 'SLIP'",
    ),
    "boundary of no axis": (
        set_attribute("boundary_conditions/y_wall", "associated_dims", ["z"]),
        r"the boundary y_wall belongs to \['z'\]; the axes are \['x', 'y'\]",
    ),
    "contradiction": (
        set_attribute("boundary_conditions/y_wall", "bc_type", "PERIODIC"),
        "the axis y is OPEN by the boundary y_open and PERIODIC by y_wall",
    ),
    "mask too short": (
        lambda f: replace(f["boundary_conditions/y_wall"], "mask", np.zeros(7, dtype=bool)),
        r"/boundary_conditions/y_wall/mask should have the shape \(8\), it has \(7,\)",
    ),
    "NaN among coordinates": (
        lambda f: replace(f["dimensions"], "x", np.array([0.0, np.nan, 1, 2, 3, 4])),
        "the coordinates /dimensions/x are not all finite",
    ),
    "scalar coordinates": (
        lambda f: replace(f["dimensions"], "x", 0.0),
        r"/dimensions/x should have the shape \(number of points of x\), it has \(\)",
    ),
    "coordinates of a plane": (
        lambda f: replace(f["dimensions"], "x", np.zeros((2, 6))),
        r"/dimensions/x should have the shape \(number of points of x\), it has \(2, 6\)",
    ),
    "scalar time": (lambda f: replace(f["dimensions"], "time", 0.0), "/dimensions/time should have the shape"),
    "one step short": (
        lambda f: replace(f["t1_fields"], "velocity", np.zeros((3, 4, 6, 8, 2))),
        r"/t1_fields/velocity should have the shape \(3, 5, 6, 8, 2\), it has \(3, 4, 6, 8, 2\)",
    ),
    "components missing": (
        lambda f: replace(f["t2_fields"], "strain", np.zeros((3, 5, 6, 8, 3))),
        r"/t2_fields/strain should have the shape \(3, 5, 6, 8, 2, 2\)",
    ),
    "complex numbers": (
        lambda f: replace(f["t0_fields"], "pressure", np.zeros((3, 5, 6, 8), dtype=complex)),
        "/t0_fields/pressure should hold real numbers, it holds complex128",
    ),
    "empty data set": (
        lambda f: replace(f["t0_fields"], "pressure", h5py.Empty("f4")),
        "the data set /t0_fields/pressure is empty",
    ),
    "scalar of wrong length": (
        lambda f: replace(f["scalars"], "drive", np.zeros(4)),
        r"/scalars/drive should have the shape \(5\), it has \(4,\)",
    ),
    "one name twice": (
        lambda f: (
            f.copy("t0_fields/pressure", "t1_fields/pressure"),
            set_attribute("t1_fields", "field_names", ["velocity", "material", "pressure"])(f),
        ),
        "the name pressure is in t0_fields and again in t1_fields",
    ),
    "no field at all": (
        lambda f: [set_attribute(f"t{order}_fields", "field_names", NO_TEXT)(f) for order in range(3)],
        "the file names no field in t0_fields, t1_fields, t2_fields",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named(path, damage):
    do, message = DAMAGES[damage]
    with h5py.File(path, "r+") as file:
        do(file)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{message}") as caught:
        WellReader(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("the data set name", set_attribute("/", "dataset_name", "other")),
        ("the grid type", set_attribute("/", "grid_type", "spherical")),
        ("the fields", set_attribute("t0_fields/vorticity", "parity", 1)),
        ("the boundary types", set_attribute("boundary_conditions/y_wall", "bc_type", "OPEN")),
        ("the points of y", lambda f: replace(f["dimensions"], "y", np.linspace(0, 9, 8))),
    ],
)
def test_files_that_contradict_each_other_are_refused(everything, tmp_path, what, change):
    for name in ("a.hdf5", "b.hdf5"):
        shutil.copy(everything.root / "data" / "train" / "set_0.hdf5", tmp_path / name)
    with h5py.File(tmp_path / "b.hdf5", "r+") as file:
        change(file)
    with pytest.raises(DataError, match=rf"b\.hdf5: {what} .*differ.* .*a\.hdf5.*read them separately"):
        WellReader(tmp_path)


def test_files_may_have_scalars_of_their_own(everything, tmp_path):
    for name in ("a.hdf5", "b.hdf5"):
        shutil.copy(everything.root / "data" / "train" / "set_0.hdf5", tmp_path / name)
    with h5py.File(tmp_path / "b.hdf5", "r+") as file:
        file["scalars"].attrs["field_names"] = ["Reynolds"]
    reader = WellReader(tmp_path)
    assert "gravity" in reader.scalars(0)
    assert list(reader.scalars(3)) == ["Reynolds"]


def test_forms_that_other_writers_use_are_read(path):
    with h5py.File(path, "r+") as file:
        file["boundary_conditions/x_periodic"].attrs["associated_dims"] = "x"
        file["boundary_conditions/x_periodic"].attrs["bc_type"] = np.array(["periodic"], dtype=object)
        file["boundary_conditions/x_periodic"].attrs["associated_fields"] = h5py.Empty("f4")
        file.attrs["simulation_parameters"] = h5py.Empty("S1")
        file["t1_fields"].attrs["field_names"] = np.array([b"velocity", b"material"])
        del file["dimensions/time"].attrs["time_varying"]
        replace(file["scalars"], "gravity", np.array([9.81]))
        replace(file["t2_fields"], "strain", file["t2_fields/strain"][()].reshape(3, 5, 6, 8, 4))
        replace(file["t0_fields"], "pressure", file["t0_fields/pressure"][()].astype(">f8"))
        replace(file["dimensions"], "x", np.repeat(file["dimensions/x"][()][None], 3, axis=0))
        file["dimensions/x"].attrs["sample_varying"] = True
        expected = file["t2_fields/strain"][0, :, :, :, 2]
        pressure = file["t0_fields/pressure"][2]
    reader = WellReader(path)
    slices = reader.layout().slices()
    assert np.array_equal(reader.read(0)[:, slices["strain"].start + 2].numpy(), expected)
    assert np.array_equal(reader.read(2)[:, slices["pressure"]][:, 0].numpy(), pressure.astype(np.float32))
    assert reader.metadata.parameters == ({},)
    assert reader.metadata.axes[0].periodic
    assert reader.metadata.axes[0].sample_varying
    assert float(reader.scalars(0)["gravity"]) == 9.81


def test_a_mask_that_varies_between_trajectories_is_reduced(path):
    with h5py.File(path, "r+") as file:
        group = file["boundary_conditions/y_wall"]
        mask = np.zeros((3, 8), dtype=bool)
        mask[:, 0] = True
        mask[1, 7] = True  # not a wall in every trajectory
        replace(group, "mask", mask)
        group.attrs["sample_varying"] = True
    assert [kind.name for kind in WellReader(path).metadata.axes[1].boundary] == ["WALL", "OPEN"]


def test_times_for_every_trajectory(path):
    times = np.arange(15.0).reshape(3, 5)
    with h5py.File(path, "r+") as file:
        replace(file["dimensions"], "time", times)
        file["dimensions/time"].attrs["sample_varying"] = True
    reader = WellReader(path)
    assert reader.times(2, slice(1, 4, 2)).tolist() == [11.0, 13.0]
    reader.close()
    with h5py.File(path, "r+") as file:
        replace(file["dimensions"], "time", times[:2])
    with pytest.raises(DataError, match="/dimensions/time should have the shape"):
        WellReader(path)
