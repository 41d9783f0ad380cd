"""Folders that one command at a time writes into."""

from __future__ import annotations

import pytest

from haar.errors import ArgumentError
from haar.folders import claimed, claimed_file


def test_a_claim_is_alone_and_ends_with_its_block(tmp_path):
    folder = tmp_path / "new" / "folder"
    with claimed(folder) as held:
        assert held == folder
        with pytest.raises(ArgumentError, match="--out: expected a folder that no other command writes into, got "):
            claimed(folder).__enter__()
    assert list(folder.iterdir()) == []
    with pytest.raises(KeyError), claimed(folder):
        raise KeyError
    with claimed(folder):
        pass


def test_a_lock_of_a_process_that_is_gone_holds_nothing(tmp_path):
    (tmp_path / ".haar-lock").touch()
    with claimed(tmp_path):
        pass


def test_a_claim_on_a_file_leaves_other_files_free(tmp_path):
    with claimed_file(tmp_path / "a.npz") as held:
        assert held == tmp_path / "a.npz"
        with pytest.raises(
            ArgumentError, match=r"--out: expected a file that no other command writes into, got .*a\.npz"
        ):
            claimed_file(tmp_path / "a.npz").__enter__()
        with claimed_file(tmp_path / "b.npz"):
            pass
    assert list(tmp_path.iterdir()) == []
