"""What a file says of its own length, on both sides of what is believed."""

from __future__ import annotations

import pytest

from haar.errors import DataError
from haar.received import check_claim, check_file
from haar.received.claim import RATIO, SMALL


def test_what_is_not_packed_is_as_long_as_it_says():
    check_claim("a", 80, 80)
    check_claim("a", 0, 0)
    with pytest.raises(DataError, match=r"^a: promises 81 bytes, and holds 80$"):
        check_claim("a", 81, 80)
    with pytest.raises(DataError, match=r"^a: promises 1 bytes, and holds 0$"):
        check_claim("a", 1, 0)


def test_what_is_packed_may_be_two_hundred_times_as_long_or_fit_into_any_memory():
    check_claim("a", 1 << 26, 1, packed=True)
    check_claim("a", 200 * 10**6, 10**6, packed=True)
    for claimed, stored in (((1 << 26) + 1, 1), (200 * 10**6 + 1, 10**6)):
        with pytest.raises(
            DataError, match=f"^a: {stored} bytes that unpack to {claimed}, more than 200 times as many"
        ):
            check_claim("a", claimed, stored, packed=True)
    assert (SMALL, RATIO) == (1 << 26, 200)


def test_what_is_no_file(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    assert check_file(str(tmp_path / "a")) == tmp_path / "a"
    (tmp_path / "b").touch()
    (tmp_path / "c").symlink_to(tmp_path / "nowhere")
    for path, message in (
        (tmp_path, "this is a folder, not a file"),
        (tmp_path / "b", r"the file is empty \(0 bytes\)"),
        (tmp_path / "c", "no such file"),
        (tmp_path / ("x" * 300), "no such file|cannot be read: File name too long"),
        (tmp_path / "a" / "b", "no such file|cannot be read: Not a directory"),
        ("a\0b", "no such file|cannot be read: embedded null"),
    ):
        with pytest.raises(DataError, match=f": ({message})"):
            check_file(path)
