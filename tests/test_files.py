"""Files: whole or not at all, under their own names, and the same every time."""

from __future__ import annotations

import errno
import json
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from haar.files import atomic_path, write_bytes, write_checkpoint, write_safetensors


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with atomic_path(path) as part:
            part.write_text("new, but only h")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_under_the_files_own_name(tmp_path, number):
    with pytest.raises(OSError, match=os.strerror(number)) as caught, atomic_path(tmp_path / "a.txt"):
        raise OSError(number, os.strerror(number))
    assert caught.value.filename == str(tmp_path / "a.txt")
    assert caught.value.errno == number
    assert list(tmp_path.iterdir()) == []


def test_an_error_about_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="other") as caught, atomic_path(tmp_path / "a.txt"):
        (tmp_path / "other").read_text()
    assert caught.value.filename == str(tmp_path / "other")


def test_checkpoints_are_plain_tensors_and_values(tmp_path):
    for name in ("one.pt", "without_a_suffix"):
        write_checkpoint(tmp_path / name, {"step": 3, "weights": {"a": torch.arange(3.0)}})
        again = torch.load(tmp_path / name, weights_only=True)
        assert again["step"] == 3
        assert again["weights"]["a"].tolist() == [0, 1, 2]
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "without_a_suffix").read_bytes()


def test_safetensors_with_and_without_texts(tmp_path):
    tensors = {"b": torch.arange(5.0), "a": torch.eye(2, dtype=torch.float64), "none": torch.zeros(0)}
    for name, texts in (("plain", None), ("told", {"z": "last \u00e4", "a": "first"})):
        path = tmp_path / f"{name}.safetensors"
        write_safetensors(path, tensors, texts)
        again = load_file(path)
        assert again.keys() == tensors.keys()
        assert all(torch.equal(again[key], value) for key, value in tensors.items())
        with safe_open(path, "pt") as file:
            assert (file.metadata() or {}) == (texts or {})


def test_safetensors_are_the_same_every_time(tmp_path):
    """The library's own header has its texts in an order that is left to chance, each time anew."""
    texts = dict.fromkeys("hgfedcba", "text")
    for k in range(8):
        write_safetensors(tmp_path / f"{k}.safetensors", {"x": torch.ones(2), "y": torch.ones(3)}, texts)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    header = (tmp_path / "0.safetensors").read_bytes()
    length = int.from_bytes(header[:8], "little")
    assert length % 8 == 0
    assert list(json.loads(header[8 : 8 + length])["__metadata__"]) == list("abcdefgh")


def test_bytes_make_the_folders_they_need(tmp_path):
    write_bytes(tmp_path / "deep" / "er" / "a.bin", b"x")
    assert (tmp_path / "deep" / "er" / "a.bin").read_bytes() == b"x"


def test_tied_and_transposed_tensors_are_written_each_for_itself(tmp_path):
    weight = torch.arange(6.0).reshape(2, 3)
    write_safetensors(tmp_path / "tied.safetensors", {"a": weight, "b": weight, "c": weight.T})
    found = load_file(tmp_path / "tied.safetensors")
    assert torch.equal(found["a"], weight)
    assert torch.equal(found["b"], weight)
    assert torch.equal(found["c"], weight.T)


def test_a_full_disk_elsewhere_and_other_faults_keep_their_own_names(tmp_path):
    for number, name in ((errno.ENOSPC, "elsewhere"), (errno.EIO, None)):
        with pytest.raises(OSError, match=os.strerror(number)) as caught, atomic_path(tmp_path / "a.txt"):
            raise OSError(number, os.strerror(number), *([name] if name else []))
        assert caught.value.filename == name


def test_the_part_lies_beside_its_goal_and_the_file_has_the_users_rights(tmp_path):
    old = os.umask(0o027)
    try:
        with atomic_path(tmp_path / "a.txt") as part:
            assert (part.parent, part.suffix, part.name[:3]) == (tmp_path, ".txt", ".a-")
            part.write_text("whole")
        assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640
        assert os.umask(0o027) == 0o027  # as it was found
    finally:
        os.umask(old)


def test_tensors_begin_at_multiples_of_eight_bytes(tmp_path):
    for n in range(1, 12):  # headers of every length
        write_safetensors(tmp_path / "a.safetensors", {"x" * n: torch.ones(1)}, {"\u00e4": "\u00df" * n})
        held = (tmp_path / "a.safetensors").read_bytes()
        length = int.from_bytes(held[:8], "little")
        assert length % 8 == 0
        assert held[8 : 8 + length].rstrip(b" ").endswith(b"}")
        assert "\u00df".encode() in held[:length]
        assert load_file(tmp_path / "a.safetensors")["x" * n].item() == 1
