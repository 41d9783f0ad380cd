from __future__ import annotations

import pytest

from haar.data.well import WellReader
from haar.data.well.folder import find_files, find_statistics
from haar.errors import DataError


def test_all_three_forms_are_found(everything):
    root = everything.root
    train = root / "data" / "train"
    expected = (train / "set_0.hdf5", train / "set_1.hdf5")
    assert find_files(root, None) == find_files(root, "train") == find_files(train, None) == expected
    assert find_files(train / "set_0.hdf5", None) == expected[:1]
    assert find_files(root, "valid")[0].parent.name == "valid"


def test_both_endings_sorted_and_nothing_that_is_being_written(tmp_path):
    for name in ("b.h5", "a.hdf5", ".a-1234.hdf5", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in find_files(tmp_path, None)] == ["a.hdf5", "b.h5"]


def test_what_is_missing_is_named(everything, tmp_path):
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        find_files(tmp_path / "nowhere", None)
    with pytest.raises(DataError, match="there is no folder data/train; a Well folder has data/train"):
        find_files(tmp_path, None)
    with pytest.raises(DataError, match="no folder data/tset; the splits here are train, valid, test"):
        WellReader(everything.root, split="tset")
    with pytest.raises(DataError, match="this is one file, it has no split 'train'; leave it out"):
        find_files(everything.root / "data" / "train" / "set_0.hdf5", "train")
    (tmp_path / "data" / "train").mkdir(parents=True)
    with pytest.raises(DataError, match=r"train: there is no \.hdf5 or \.h5 file"):
        find_files(tmp_path, None)


def test_statistics_are_found_from_anywhere_in_the_folder(everything, tmp_path):
    root = everything.root
    train = root / "data" / "train"
    for place in (root, train, train / "set_0.hdf5"):
        assert find_statistics(place).samefile(root / "stats.yaml")
    inner = tmp_path / "data" / "train"
    inner.mkdir(parents=True)
    with pytest.raises(DataError, match=r"there is no stats\.yaml; make one with"):
        find_statistics(inner)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "stats.yaml").touch()
    with pytest.raises(DataError, match=r"there is no stats\.yaml"):
        find_statistics(tmp_path / "elsewhere")  # the one above belongs to another data set
