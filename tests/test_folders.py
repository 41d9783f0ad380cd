"""Folders that one command at a time writes into."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest

from haar import folders
from haar.errors import ArgumentError
from haar.folders import LOCK, claimed, claimed_file


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


def test_the_refusal_has_the_users_word_and_a_way_out(tmp_path):
    with claimed(tmp_path, "--cache"):
        with pytest.raises(ArgumentError) as caught:
            claimed(tmp_path, "--cache").__enter__()
        way_out = "wait for it to end, or give another folder"
        assert (
            str(caught.value)
            == f"--cache: expected a folder that no other command writes into, got {tmp_path}; {way_out}"
        )
    with (
        claimed_file(tmp_path / "a", "--to"),
        pytest.raises(ArgumentError, match=r"^--to: .*; wait for it to end, or give another file$"),
    ):
        claimed_file(tmp_path / "a", "--to").__enter__()


@pytest.mark.parametrize("number", [errno.EWOULDBLOCK, errno.EACCES])
def test_a_lock_that_is_held_is_told_and_another_fault_is_its_own(number, tmp_path, monkeypatch):
    def held(handle, how):
        assert how == fcntl.LOCK_EX | fcntl.LOCK_NB
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", held)
    with pytest.raises(ArgumentError, match="a folder that no other command writes into"):
        claimed(tmp_path).__enter__()
    number = errno.ENOLCK
    with pytest.raises(OSError, match=os.strerror(errno.ENOLCK)):
        claimed(tmp_path).__enter__()


@pytest.mark.parametrize("left", ["nothing", "another"])
def test_a_lock_whose_name_was_taken_away_meanwhile_holds_nothing(left, tmp_path, monkeypatch):
    """Between opening and locking another process ends, and removes the name; a third one may have made it again."""
    alone, calls = folders._alone, []

    def late(handle):
        calls.append(handle)
        if len(calls) == 1:
            (tmp_path / LOCK).unlink()
            if left == "another":
                (tmp_path / LOCK).touch()
        return alone(handle)

    monkeypatch.setattr(folders, "_alone", late)
    with claimed(tmp_path):
        assert len(calls) == 2
        with pytest.raises(ArgumentError, match="a folder that no other command"):
            claimed(tmp_path).__enter__()


def test_no_handle_is_left_open(tmp_path, monkeypatch):
    opened, closed, open_, close = [], [], os.open, os.close
    monkeypatch.setattr(os, "open", lambda *args: opened.append(open_(*args)) or opened[-1])
    monkeypatch.setattr(os, "close", lambda handle: closed.append(handle) or close(handle))
    with claimed(tmp_path), pytest.raises(ArgumentError):
        claimed(tmp_path).__enter__()
    assert len(opened) == 2
    assert sorted(closed) == sorted(opened)
