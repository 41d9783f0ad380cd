"""Arrays of NumPy's format: as many values as are there, and nothing else."""

from __future__ import annotations

import io

import numpy as np
import pytest

from haar.errors import DataError
from haar.received import Archive, read_array


def _header(shape: object, dtype: str = "<f8", *, by_columns: bool = False) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": by_columns, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array(2.5),
        np.zeros((0, 3), dtype=np.float32),
        np.array([1, 2], dtype=">i2"),
        np.array(["a", "bc"]),
        np.array([True, False]),
    ],
)
def test_what_numpy_writes_is_read_as_numpy_reads_it(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    found = read_array(tmp_path / "a.npy")
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert np.array_equal(found, np.load(tmp_path / "a.npy"))
    np.savez_compressed(tmp_path / "a.npz", one=array, two=array)
    archive = Archive(tmp_path / "a.npz")
    assert list(archive) == ["one", "two"]
    assert np.array_equal(archive["two"], array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_header((10**12,)) + bytes(80), "promises 8000000000000 bytes, and holds 80"),
        (_header((11,)) + bytes(80), "promises 88 bytes, and holds 80"),
        (_header((2**40, 2**40)), "promises .* bytes, and holds 0"),
        (_header((-1, 3)) + bytes(80), "a shape with a negative length"),
        (_header((1,), "|O") + bytes(80), "expected plain numbers, got object; nothing is unpickled"),
        (b"\x93NUMPY\x01\x00", "not an array of NumPy"),
        (b"no array at all", "not an array of NumPy"),
        (b"", r"the file is empty \(0 bytes\)"),
    ],
)
def test_a_header_that_promises_more_than_the_file_holds_is_refused(tmp_path, content, message):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.npy: {message}") as caught:
        read_array(tmp_path / "a.npy")
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_said_to_be_none(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_array(tmp_path / "a.npy")
    with pytest.raises(DataError, match="this is a folder"):
        read_array(tmp_path)
    with pytest.raises(DataError, match="no regular file"):
        read_array("/dev/null")


def test_only_formats_of_plain_numbers_are_read(tmp_path):
    records = np.zeros(2, dtype=[("a", "<f8"), ("b", "<i4")])
    np.save(tmp_path / "records.npy", records)
    with pytest.raises(DataError, match=r"records\.npy: expected plain numbers, got \[.*; nothing is unpickled"):
        read_array(tmp_path / "records.npy")
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.arange(3.0), version=(3, 0))
    (tmp_path / "new.npy").write_bytes(stream.getvalue())
    with pytest.raises(DataError, match=r"expected plain numbers, got an array of format 3\.0"):
        read_array(tmp_path / "new.npy")
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.arange(3.0), version=(2, 0))
    (tmp_path / "long.npy").write_bytes(stream.getvalue() + b"what comes after is left")
    assert read_array(tmp_path / "long.npy").tolist() == [0.0, 1.0, 2.0]
    found = read_array(tmp_path / "long.npy")
    found += 1  # it is the reader's own
    assert found.tolist() == [1.0, 2.0, 3.0]
