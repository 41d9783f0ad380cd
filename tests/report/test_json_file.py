from __future__ import annotations

import dataclasses
import json
import math
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError
from haar.report.json_file import dumps, plain, write_json


class Colour(StrEnum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: float
    y: torch.Tensor


def test_every_kind_of_value_becomes_plain():
    value = {
        1: torch.tensor([[1, 2]]),
        "array": np.array([1.5, np.nan]),
        "scalar": np.float32(0.5),
        "flag": np.bool_(1),
        "point": Point(math.inf, torch.tensor(2.0)),
        "path": Path("a/b"),
        "colour": Colour.RED,
        "set": {2, 1},
        "nothing": None,
    }
    assert plain(value) == {
        "1": [[1, 2]],
        "array": [1.5, None],
        "scalar": 0.5,
        "flag": True,
        "point": {"x": None, "y": 2.0},
        "path": "a/b",
        "colour": "red",
        "set": [1, 2],
        "nothing": None,
    }
    assert type(plain(Colour.RED)) is str


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(json_values)
def test_plain_values_survive_writing_and_reading(value):
    assert json.loads(dumps(value)) == value


@given(st.floats())
def test_every_float_gives_strict_json(value):
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    back = json.loads(dumps([value]), parse_constant=refuse)[0]
    assert back == (value if math.isfinite(value) else None)


def test_an_unknown_kind_is_refused_by_name():
    with pytest.raises(ArgumentError, match=r"value: expected numbers, strings.*got object"):
        plain({"a": [object()]})


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = write_json(tmp_path / "deep" / "result.json", {"a": 1})
    with pytest.raises(ArgumentError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(path.parent.iterdir()) == [path]


def test_a_file_is_indented_by_two_and_keeps_letters():
    assert dumps({"a": [1], "b": "größe"}) == '{\n  "a": [\n    1\n  ],\n  "b": "größe"\n}\n'


def test_sets_of_several_kinds_have_an_order():
    assert plain({3, "b", None, "a"}) == plain({"a", None, "b", 3}) == ["a", "b", 3, None]
    assert plain({1.0, math.nan, 10.0, 2.0}) == [1.0, 10.0, 2.0, None]
    assert plain({10, 9, 1}) == [1, 9, 10]


def test_names_that_are_no_text_are_written_and_read_again(tmp_path):
    value = {"file": "caf\udce9.npy", "other": "café"}
    assert json.loads(write_json(tmp_path / "a.json", value).read_text(encoding="utf-8")) == value
