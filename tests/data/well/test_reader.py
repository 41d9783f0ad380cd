from __future__ import annotations

import pickle

import h5py
import numpy as np
import pytest
import torch

from haar.actions.layout import FieldSpec
from haar.data.well import Axis, Storage, WellReader, WellWriter
from haar.data.well.boundary import BoundaryType
from haar.errors import ArgumentError, DataError


@pytest.fixture
def reader(everything):
    with WellReader(everything.root) as opened:
        yield opened


def test_metadata(reader):
    meta = reader.metadata
    assert (meta.name, meta.grid_type, meta.dim, meta.resolution) == ("everything", "cartesian", 2, (6, 8))
    assert meta.spacing == pytest.approx((1 / 6, 0.25))
    assert meta.uniform
    assert meta.boundaries == ((BoundaryType.PERIODIC,) * 2, (BoundaryType.WALL, BoundaryType.OPEN))
    assert [axis.centring for axis in meta.axes] == ["periodic-node", "cell"]
    assert [field.name for field in meta.fields] == [
        "pressure", "wind", "floor", "vorticity", "velocity", "material", "strain", "spin",
    ]  # fmt: skip
    assert [field.name for field in meta.constants] == ["floor", "material"]
    assert [field.parity for field in meta.fields] == [1, 1, 1, -1, 1, 1, 1, -1]
    assert (meta.trajectories, meta.steps) == ((3, 2), (5, 7))
    assert [dict(each) for each in meta.parameters] == [
        {"Reynolds": 100.0, "kind": "made up"},
        {"Reynolds": 200.0, "kind": "made up"},
    ]
    assert {field.name: field.units for field in meta.stored}["strain"] == "1/s"


def test_trajectories_are_counted_through_all_files(reader, everything):
    assert len(reader) == 5
    assert [reader.steps(i) for i in range(5)] == [5, 5, 5, 7, 7]
    assert reader.parameters(2)["Reynolds"] == 100.0
    assert reader.parameters(3)["Reynolds"] == 200.0
    assert np.array_equal(reader.read(3)[:, 0].numpy(), everything.runs["train"][3]["pressure"])
    assert torch.equal(reader.read(-1), reader.read(4))
    assert "everything: 5 trajectories in 2 files, 6 x 8" in repr(reader)


def test_steps_are_a_slice_with_a_stride(reader):
    whole = reader.read(3)
    for steps in (slice(2, 3), slice(1, 6, 2), slice(0, 7, 3), slice(None, 4), slice(5, None), slice(0, 8, 2)):
        assert torch.equal(reader.read(3, steps), whole[steps])
    assert reader.times(3, slice(1, 6, 2)).tolist() == [0.5, 1.5, 2.5]


@pytest.mark.parametrize(
    "steps", [slice(-1, 3), slice(3, 3), slice(0, 9), slice(4, 2), slice(0, 5, 0), slice(0, 5, -1)]
)
def test_steps_outside_are_refused(reader, steps):
    with pytest.raises(ArgumentError, match=r"steps: expected time steps within 0\.\.6, with a positive stride"):
        reader.read(3, steps)


def test_some_fields_only(reader):
    states = reader.read(0)
    slices = reader.layout().slices()
    chosen = reader.read(0, fields=["velocity", "pressure"])  # the order of the file holds
    assert torch.equal(chosen, torch.cat([states[:, slices["pressure"]], states[:, slices["velocity"]]], 1))
    assert reader.constants(0, fields=["pressure"]).shape == (0, 6, 8)
    assert reader.read(0, fields=["floor"]).shape == (5, 0, 6, 8)


def test_scalars(reader):
    found = reader.scalars(4, slice(2, 5))
    assert float(found["gravity"]) == 9.81
    assert float(found["angle"]) == pytest.approx(0.1)
    assert found["tide"].tolist() == [3.0, 4.0, 5.0]
    assert torch.allclose(found["drive"], torch.arange(2, 5).double().sin())


def test_boundary_masks_are_read_on_demand(reader):
    assert reader.boundary_mask("obstacle").sum() == 4
    with pytest.raises(ArgumentError, match=r"name: expected a boundary of this file \(.*obstacle.*\), got 'wall'"):
        reader.boundary_mask("wall")


def test_parity_comes_from_the_argument_before_the_file(everything):
    reader = WellReader(everything.root, parity={"vorticity": 1, "pressure": -1})
    parity = {field.name: field.parity for field in reader.metadata.fields}
    assert (parity["vorticity"], parity["pressure"], parity["spin"]) == (1, -1, -1)


def test_wrong_arguments(everything, reader):
    root = everything.root
    with pytest.raises(ArgumentError, match=r"fields: .* got 'velocty'; did you mean 'velocity'"):
        reader.read(0, fields=["velocty"])
    with pytest.raises(ArgumentError, match=r"fields: expected a list of names, got 'velocity'; write \['velocity'\]"):
        reader.read(0, fields="velocity")
    with pytest.raises(ArgumentError, match="fields: expected at least one name, got none"):
        reader.read(0, fields=[])
    with pytest.raises(ArgumentError, match=r"parity: .* got 'vortcity'; did you mean 'vorticity'"):
        WellReader(root, parity={"vortcity": -1})
    with pytest.raises(ArgumentError, match="parity: expected 1 or -1, got 0"):
        WellReader(root, parity={"vorticity": 0})
    with pytest.raises(ArgumentError, match=r"dtype: expected torch\.float32 or torch\.float64, got torch\.float16"):
        WellReader(root, dtype=torch.float16)
    for trajectory in (5, -6):
        with pytest.raises(ArgumentError, match=f"trajectory: expected an index below 5, got {trajectory}"):
            reader.read(trajectory)


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "broken.hdf5"
    run = {"p": np.zeros((4, 5)), "k": np.zeros((2, 5))}
    fields = [FieldSpec("p"), FieldSpec("k", order=0, role="constant")]
    axes, storage = [Axis.cells("x", 5, length=1.0)], Storage(nan="keep")
    with WellWriter(path, name="broken", axes=axes, fields=fields, times=range(4), storage=storage) as writer:
        for trajectory in range(3):
            p, k = run["p"].copy(), run["k"][0].copy()
            if trajectory == 1:
                p[2, 3], p[3, 0] = np.nan, np.inf
            if trajectory == 2:
                k[4] = -np.inf
            writer.append({"p": p, "k": k})
    return path


def test_nan_is_refused_with_its_place(broken):
    reader = WellReader(broken)
    reader.read(0)
    reader.read(1, slice(0, 2))
    with pytest.raises(
        DataError, match=r"broken\.hdf5: the field p is NaN or infinite in trajectory 1, step 2; read with"
    ):
        reader.read(1)
    with pytest.raises(DataError, match="the field p is NaN or infinite in trajectory 1, step 3"):
        reader.read(1, slice(1, 4, 2))
    with pytest.raises(DataError, match="the field k is NaN or infinite in trajectory 2; read with nan='zero'"):
        reader.constants(2)


def test_nan_can_be_kept_or_zeroed(broken):
    kept = WellReader(broken, nan="keep").read(1)
    assert torch.isnan(kept[2, 0, 3])
    assert torch.isinf(kept[3, 0, 0])
    zeroed = WellReader(broken, nan="zero")
    assert torch.equal(zeroed.read(1), torch.zeros(4, 1, 5))
    assert torch.equal(zeroed.constants(2), torch.zeros(1, 5))
    with pytest.raises(ArgumentError, match="nan: expected 'refuse', 'keep' or 'zero', got 'drop'"):
        WellReader(broken, nan="drop")


def test_values_beyond_single_precision_are_refused_not_read_as_infinity(tmp_path):
    path = tmp_path / "wide.hdf5"
    axes, fields = [Axis.cells("x", 2, length=1.0)], [FieldSpec("p")]
    with WellWriter(path, name="w", axes=axes, fields=fields, times=[0], storage=Storage("float64")) as writer:
        writer.append({"p": np.full((1, 2), 1e300)})
    with pytest.raises(DataError, match="the field p is NaN or infinite"):
        WellReader(path).read(0)
    assert float(WellReader(path, dtype=torch.float64).read(0)[0, 0, 0]) == 1e300


def test_a_reader_can_be_pickled_and_closed(reader):
    expected = reader.read(1)
    copy = pickle.loads(pickle.dumps(reader))
    assert torch.equal(copy.read(1), expected)
    copy.close()
    assert torch.equal(copy.read(1), expected)


def test_more_files_than_may_be_open(everything):
    reader = WellReader(everything.root)
    reader._handles.limit = 1
    for trajectory in (0, 4, 1, 3):
        assert np.array_equal(reader.read(trajectory)[:, 0].numpy(), everything.runs["train"][trajectory]["pressure"])
        assert len(reader._handles._open) == 1


def test_at_least_one_file_may_be_open():
    from haar.data.well.handles import OpenFiles

    with pytest.raises(ArgumentError, match="limit: expected at least 1 open file, got 0"):
        OpenFiles(0)


def test_integers_are_read_exactly(everything, tmp_path):
    import shutil

    path = tmp_path / "int.hdf5"
    shutil.copy(everything.root / "data" / "train" / "set_0.hdf5", path)
    with h5py.File(path, "r+") as file:
        attributes = dict(file["t0_fields/pressure"].attrs)
        del file["t0_fields/pressure"]
        values = np.full((3, 5, 6, 8), 2**24 + 1, dtype=np.int32)
        file["t0_fields"].create_dataset("pressure", data=values).attrs.update(attributes)
    assert float(WellReader(path, dtype=torch.float64).read(0)[0, 0, 0, 0]) == 2**24 + 1
