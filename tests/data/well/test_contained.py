"""HDF5 files that stand for themselves: no other file is read, and nothing that was never written."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest

from haar.data.well import Axis, Storage, WellReader, WellWriter, Windows, contained
from haar.data.well.contained import check_whole
from haar.data.well.opening import open_hdf5
from haar.errors import ArgumentError, DataError

FIELD = "t0_fields/pressure"


@pytest.fixture
def path(everything, tmp_path):
    """A good file, and another one beside it with a field of the same shape."""
    shutil.copy(everything.root / "data" / "valid" / "set_0.hdf5", tmp_path / "run.hdf5")
    with h5py.File(tmp_path / "run.hdf5") as file, h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["x"] = np.full(file[FIELD].shape, 42.0, "f4")
    (tmp_path / "secret.raw").write_bytes(np.full(10_000, 42.0, "f4").tobytes())
    return tmp_path / "run.hdf5"


def _replaced(file: h5py.File, make, name: str = FIELD) -> None:
    stored = file[name]
    attributes, shape = dict(stored.attrs), stored.shape
    del file[name]
    make(file, name, shape)
    if isinstance(file.get(name, getlink=True), h5py.HardLink):
        file[name].attrs.update(attributes)


def _external(file, name, _):
    file[name] = h5py.ExternalLink("secret.h5", "/x")


def _through_a_soft_link(file, name, _):
    file["elsewhere"] = h5py.ExternalLink("secret.h5", "/")
    file[name] = h5py.SoftLink("/elsewhere/x")


def _beside(file, name, shape):
    file["more/deep/out"] = h5py.ExternalLink("secret.h5", "/x")
    file.create_dataset(name, data=np.zeros(shape, "f4"))


def _dangling(file, name, _):
    file[name] = h5py.SoftLink("/nowhere")


def _virtual(file, name, shape):
    layout = h5py.VirtualLayout(shape=shape, dtype="f4")
    layout[...] = h5py.VirtualSource("secret.h5", "x", shape=shape)
    file.create_virtual_dataset(name, layout)


def _virtual_of_itself(file, name, shape):
    file.create_dataset("x", data=np.zeros(shape, "f4"))
    layout = h5py.VirtualLayout(shape=shape, dtype="f4")
    layout[...] = h5py.VirtualSource(".", "x", shape=shape)
    file.create_virtual_dataset(name, layout)


def _raw(file, name, shape):
    file.create_dataset(name, shape, "f4", external=[("secret.raw", 0, h5py.h5f.UNLIMITED)])


def _unwritten(file, name, shape):
    file.create_dataset(name, shape, "f4")


def _unwritten_chunks(file, name, shape):
    stored = file.create_dataset(name, shape, "f4", chunks=(1, 1, *shape[2:]))
    stored[:, : shape[1] - 1] = 1.0


def _packed_twice(file, name, shape):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk(shape)
    plan.set_deflate(9)
    plan.set_deflate(9)
    space = h5py.h5s.create_simple(shape)
    h5py.Dataset(h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_FLOAT, space, plan))[...] = 0.0


def _bomb(file, name, _):
    file.create_dataset(name, data=np.zeros((40, 1 << 20), "f4"), chunks=(1, 1 << 20), compression="gzip")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_external, r"/t0_fields/pressure is a link into another file \(/x in secret\.h5\)"),
        (_through_a_soft_link, r"/elsewhere is a link into another file"),
        (_beside, r"/more/deep/out is a link into another file"),
        (_dangling, r"/t0_fields/pressure is a link to /nowhere, which is not in this file"),
        (_virtual, r"/t0_fields/pressure is a virtual data set"),
        (_virtual_of_itself, r"/t0_fields/pressure is a virtual data set"),
        (_raw, r"/t0_fields/pressure keeps its values in another file"),
        (_unwritten, r"/t0_fields/pressure: its values were never written"),
        (_unwritten_chunks, r"/t0_fields/pressure: 1 of its 6 parts were never written"),
        (_packed_twice, r"/t0_fields/pressure: packed more than once \(deflate, deflate\)"),
        (_bomb, r"/t0_fields/pressure: \d+ bytes that unpack to 167772160, more than 200 times"),
    ],
)
def test_a_file_that_does_not_stand_for_itself_is_refused_by_name(path, make, message):
    with h5py.File(path, "r+") as file:
        _replaced(file, make)
    with pytest.raises(DataError, match=rf"run\.hdf5: {message}"):
        WellReader(path)


def test_a_link_of_a_kind_that_no_library_defines_is_refused(path):
    with h5py.File(path, "r+") as file:
        file["strange"] = h5py.ExternalLink("secret.h5", "/x")
    stored = bytearray(path.read_bytes())
    # the link's message: its kind, 64 for one into another file, how long its name is, and the name
    place = stored.index(b"\x40\x07strange")
    stored[place] = 70
    path.write_bytes(stored)
    with pytest.raises(DataError, match=r"run\.hdf5: /strange is a link of a kind that HDF5 does not define"):
        WellReader(path)


@pytest.mark.parametrize("name", ["dimensions/time", "dimensions/x", "boundary_conditions/obstacle/mask"])
def test_times_coordinates_and_masks_are_looked_at_too(path, name):
    with h5py.File(path, "r+") as file:
        _replaced(file, _external, name)
    with pytest.raises(DataError, match=f"/{name} is a link into another file"):
        Windows(path, history=1)


def test_links_within_the_file_are_followed(path):
    with h5py.File(path, "r+") as file:
        expected = file[FIELD][()]
        file.move(FIELD, "kept")
        file[FIELD] = h5py.SoftLink("/kept")
        file["ring"] = file["/"]  # a group within itself
    assert np.array_equal(WellReader(path).read(0, fields=["pressure"])[:, 0].numpy(), expected[0])


def test_more_steps_than_were_stored_take_no_memory(path):
    with h5py.File(path, "r+") as file:
        _replaced(file, lambda f, name, _: f.create_dataset(name, (10**12,), "f8"), "dimensions/time")
    with pytest.raises(DataError, match="/dimensions/time: its values were never written"):
        WellReader(path)


def test_a_chunk_is_no_larger_than_memory_is_taken_for(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", (1,), "f8", maxshape=(None,), chunks=(1 << 26,), compression="gzip")[:] = 1.0
    with pytest.raises(DataError, match=r"/a: chunks of 536870912 bytes, in a file of "):
        open_hdf5(tmp_path / "a.h5")


def test_a_count_of_trajectories_that_no_file_has_is_refused(path):
    with h5py.File(path, "r+") as file:
        file.attrs["n_trajectories"] = 10**15
    with pytest.raises(DataError, match="n_trajectories is 1000000000000000, in a file of"):
        WellReader(path)


def test_an_axis_that_is_only_repeated_is_a_claim(tmp_path):
    axes = [Axis.periodic_nodes(name, 40_000, length=1.0) for name in "xy"]
    from haar.actions.layout import FieldSpec
    from haar.data.well import WellField

    thin = WellField(FieldSpec("thin"), dim_varying=(False, False))
    with WellWriter(tmp_path / "a.hdf5", name="thin", axes=axes, fields=[thin], times=[0, 1]) as writer:
        writer.append({"thin": np.zeros(2)})
    with pytest.raises(DataError, match=r"one step of /t0_fields/thin: .* unpack to 6400000000"):
        WellReader(tmp_path / "a.hdf5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[::-1], r"should increase; after 2\.5 \(step 0\) comes 2"),
        (lambda t: np.r_[t[:3], t[2], t[4:]], r"should increase; after 1 \(step 2\) comes 1"),
        (np.zeros_like, r"should increase; after 0 \(step 0\) comes 0"),
        (lambda t: np.r_[t[:3], np.nan, t[4:]], "are not all finite"),
    ],
)
def test_times_that_do_not_increase_are_refused(path, change, message):
    with h5py.File(path, "r+") as file:
        file["dimensions/time"][...] = change(file["dimensions/time"][()])
    with pytest.raises(DataError, match=f"the times /dimensions/time {message}"):
        WellReader(path)


def test_times_that_do_not_increase_are_not_written(tmp_path):
    from haar.actions.layout import FieldSpec

    axes = [Axis.periodic_nodes("x", 8, length=1.0)]
    given = {"name": "a", "axes": axes, "fields": [FieldSpec("u")]}
    with pytest.raises(ArgumentError, match="times: expected times that increase from step to step, got some that"):
        WellWriter(tmp_path / "a.hdf5", times=[0.0, 1.0, 1.0], **given)
    close = [1e7, 1e7 + 0.1]
    with pytest.raises(ArgumentError, match="got some that do not in float32; give dtype='float64'"):
        WellWriter(tmp_path / "a.hdf5", times=close, **given)
    assert WellWriter(tmp_path / "a.hdf5", times=close, storage=Storage("float64"), **given).steps == 2


def test_a_file_that_is_opened_again_is_looked_through_again_only_if_it_has_changed(path, monkeypatch):
    from haar.data.well import opening
    from haar.data.well.handles import OpenFiles

    looked, real = [], opening.check_contained
    monkeypatch.setattr(opening, "check_contained", lambda file, where: looked.append(where) or real(file, where))
    files = OpenFiles()
    for _ in range(3):
        files.get(str(path))
        files.close()
    assert len(looked) == 1
    with h5py.File(path, "r+") as file:
        _replaced(file, _external)
    with pytest.raises(DataError, match="is a link into another file"):
        files.get(str(path))


@pytest.mark.parametrize(("numbers", "small"), [(2**23, True), (2**23 + 1, False)])
def test_at_most_64_mib_are_read_as_a_whole_from_a_smaller_file(tmp_path, numbers, small):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        times = file.create_dataset("times", (numbers,), "f8", chunks=(1024,))
        if small:
            check_whole(times, "t.h5")
        else:
            with pytest.raises(DataError, match=r"t\.h5: /times promises 67108872 bytes, in a file of \d+$"):
                check_whole(times, "t.h5")


@pytest.mark.parametrize(("most", "read"), [(4, True), (3, False)])
def test_files_of_more_objects_than_anybody_needs_are_refused(tmp_path, monkeypatch, most, read):
    monkeypatch.setattr(contained, "MOST_OBJECTS", most)
    with h5py.File(tmp_path / "many.h5", "w") as file:
        for name in "abc":
            file.create_group(name)  # and the one that holds them
        file["again"] = file["a"]  # is the same one
        if read:
            contained.check_contained(file, "many.h5")
        else:
            with pytest.raises(DataError, match=r"many\.h5: more than 3 objects$"):
                contained.check_contained(file, "many.h5")
