"""Archives of arrays: no entry twice, none that is longer than what is stored of it."""

from __future__ import annotations

import io
import warnings
import zipfile

import numpy as np
import pytest

from haar.errors import DataError
from haar.received import Archive


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _write(path, entries, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that stands twice
        for name, content in entries:
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("entries", "method", "message"),
    [
        ([("a.npy", _npy(np.ones(3))), ("a.npy", _npy(np.zeros(3)))], zipfile.ZIP_STORED, "the entry a is there twice"),
        ([("a.txt", b"text")], zipfile.ZIP_STORED, r"a\.txt: expected an array"),
        ([("a.npy", _npy(np.ones(3)))], zipfile.ZIP_LZMA, "packed in a way that NumPy does not write"),
        ([("a.npy", _npy(np.zeros(9 << 20)))], zipfile.ZIP_DEFLATED, "would only fill the memory"),
    ],
)
def test_archives_that_are_not_what_they_say(tmp_path, entries, method, message):
    _write(tmp_path / "a.npz", entries, method)
    with pytest.raises(DataError, match=message):
        Archive(tmp_path / "a.npz")


def test_an_array_within_is_no_longer_than_its_entry(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    _write(tmp_path / "a.npz", [("good.npy", _npy(np.ones(3))), ("bad.npy", stream.getvalue())])
    archive = Archive(tmp_path / "a.npz")
    assert archive["good"].tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(DataError, match=r"bad\.npy: promises 8000000000000 bytes, and holds 0"):
        archive["bad"]


def test_a_damaged_archive_is_one_line(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(100.0))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[200] ^= 255
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"not a \.npz archive of arrays \(BadZipFile"):
        Archive(tmp_path / "a.npz")["a"]


def test_entries_that_promise_more_bytes_than_the_file_has_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    _write(path, [("a.npy", _npy(np.ones(3))), ("b.npy", _npy(np.ones(3)))])
    content, size = path.read_bytes(), path.stat().st_size
    for place in [k for k in range(size) if content[k : k + 4] == b"PK\x01\x02"]:  # packed sizes of the directory
        content = content[: place + 20] + (size // 2 + 1).to_bytes(4, "little") + content[place + 24 :]
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz: its entries promise more bytes than the file has"):
        Archive(path)


def test_names_and_numbers_of_entries(tmp_path):
    _write(tmp_path / "a.npz", [("a.npy", _npy(np.ones(3))), ("b/c.npy", _npy(np.arange(2)))], zipfile.ZIP_DEFLATED)
    archive = Archive(str(tmp_path / "a.npz"))
    assert (len(archive), list(archive)) == (2, ["a", "b/c"])
    assert archive["b/c"].tolist() == [0, 1]
    with pytest.raises(KeyError):
        archive["c"]
