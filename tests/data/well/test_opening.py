"""Files that are not what they should be: never an error of the HDF5 library."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haar.data.well import WellReader
from haar.data.well.opening import guarded
from haar.errors import ArgumentError, DataError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", r"the file is empty \(0 bytes\)"),
        (b"not HDF5 at all" * 100, "opening it as HDF5 failed: .*file signature not found"),
    ],
)
def test_what_is_not_hdf5(tmp_path, content, message):
    path = tmp_path / "run.hdf5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"run\.hdf5: {message}") as caught:
        WellReader(path)
    assert "\n" not in str(caught.value)


def everything_readable(path):
    reader = WellReader(path)
    for trajectory in range(len(reader)):
        reader.read(trajectory)
        reader.constants(trajectory)
        reader.scalars(trajectory)
        reader.times(trajectory)


@settings(max_examples=30)
@given(st.floats(0.0, 0.999))
def test_a_truncated_file_is_a_data_error(everything, tmp_path_factory, share):
    source = everything.root / "data" / "train" / "set_0.hdf5"
    path = tmp_path_factory.mktemp("cut") / "run.hdf5"
    content = source.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"run\.hdf5: "):
        everything_readable(path)


def test_damage_within_a_field_is_found_when_it_is_read(tmp_path):
    path = tmp_path / "run.hdf5"
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("x", data=np.zeros((64, 64)), chunks=(8, 8), compression="gzip", fletcher32=True)
        place = stored.id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place : place + 8] = b"\xff" * 8
    path.write_bytes(bytes(content))
    with h5py.File(path, "r") as file, pytest.raises(DataError, match="reading x failed: "), guarded(path, "reading x"):
        file["x"][()]


def test_our_own_errors_pass():
    with pytest.raises(ArgumentError, match="a: expected b, got c"), guarded("f", "reading"):
        raise ArgumentError("a", expected="b", got="c")


def test_long_reasons_are_cut_to_one_line():
    with pytest.raises(DataError, match=r"^f: reading failed: a a .*…$") as caught, guarded("f", "reading"):
        raise OSError("a\n" * 500)
    assert len(str(caught.value)) < 200


def test_a_folder_is_not_a_file(tmp_path):
    from haar.data.well.opening import open_hdf5

    with pytest.raises(DataError, match="this is a folder, not a file"):
        open_hdf5(tmp_path)
    with pytest.raises(DataError, match=r"gone\.hdf5: no such file"):
        open_hdf5(tmp_path / "gone.hdf5")


def test_a_file_that_changes_while_it_is_open_is_a_data_error(everything, tmp_path):
    path = tmp_path / "run.hdf5"
    shutil.copy(everything.root / "data" / "train" / "set_0.hdf5", path)
    reader = WellReader(path)
    reader.close()
    with h5py.File(path, "r+") as file:
        del file["t1_fields/velocity"]
    with pytest.raises(DataError, match="reading the field velocity of trajectory 0 failed"):
        reader.read(0)


@pytest.mark.parametrize(("length", "shown"), [(160, "a" * 160), (161, "a" * 159 + "…")])
def test_a_reason_has_at_most_160_letters(length, shown):
    with pytest.raises(DataError) as caught, guarded("f", "reading"):
        raise OSError("a" * length)
    assert str(caught.value) == f"f: reading failed: {shown}"


@pytest.mark.parametrize("error", [KeyError("'name'"), ValueError(), MemoryError("much"), ZeroDivisionError("by 0")])
def test_every_kind_of_error_is_told(error):
    words = {"KeyError": "name", "ValueError": "ValueError", "MemoryError": "much", "ZeroDivisionError": "by 0"}
    with pytest.raises(DataError, match=f"^f: reading failed: {words[type(error).__name__]}$"), guarded("f", "reading"):
        raise error


def test_eight_files_are_open_at_a_time(tmp_path):
    from haar.data.well.handles import OpenFiles

    paths = [str(tmp_path / f"{number}.h5") for number in range(9)]
    for path in paths:
        h5py.File(path, "w").close()
    files = OpenFiles()
    first, second = files.get(paths[0]), files.get(paths[1])
    for path in paths[2:8]:
        files.get(path)
    assert files.get(paths[0]) is first  # the one that was read last
    files.get(paths[8])
    assert (bool(first), bool(second)) == (True, False)
    files.close()
    assert not first
    assert files.get(paths[0])
    files.close()
