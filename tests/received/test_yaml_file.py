"""YAML of others: every value written out, every key once."""

from __future__ import annotations

import pytest

from haar.errors import DataError
from haar.received import read_yaml
from haar.received.yaml_file import LONGEST

LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, r"got the alias \*a"),
        ("a: &a {b: 1}\nc:\n  <<: *a\n", "got the alias"),
        ("c:\n  <<: {b: 1}\n", "got <<"),
        ("a: 1\nb: 2\na: 3\n", "the key 'a' twice"),
        ("a: {b: 1, b: 2}\n", "the key 'b' twice"),
        ("- {1: a, 1: b}\n", "the key 1 twice"),
        ("1: a\n1.0: b\n", "the key 1.0 twice"),
        ("a: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
        ("a: 2001-99-99\n", "month must be in 1..12"),
        ("? [1, 2]\n: 3\n", "unhashable"),
        ("a: " + "[" * 5000, "recursion"),
        ("a: 1\n---\nb: 2\n", "single document"),
        ("a: " + "1" * 5000 + "\n", "limit"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(tmp_path, text, message):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(DataError, match=rf"(?s)a\.yaml: reading it as YAML failed: .*{message}") as caught:
        read_yaml(tmp_path / "a.yaml")
    assert "\n" not in str(caught.value)


def test_plain_yaml_is_read(tmp_path):
    (tmp_path / "a.yaml").write_text("a: {b: [1, 2.5], c: x}\nd: null\n&e f: 3\n")
    assert read_yaml(tmp_path / "a.yaml") == {"a": {"b": [1, 2.5], "c": "x"}, "d": None, "f": 3}


def test_text_of_another_encoding_and_endless_text_are_refused(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(DataError, match="'utf-8' codec"):
        read_yaml(tmp_path / "a.yaml")
    with (tmp_path / "b.yaml").open("wb") as file:
        file.truncate(LONGEST + 1)
    with pytest.raises(DataError, match="at most 4194304 are read"):
        read_yaml(tmp_path / "b.yaml")


def test_the_longest_text_that_is_read(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"a: 1" + b" " * (LONGEST - 4))
    assert read_yaml(tmp_path / "a.yaml") == {"a": 1}
    assert LONGEST == 4 * 2**20
