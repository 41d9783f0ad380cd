"""Attributes with a type: what is taken for text, whole numbers and flags, and what is not."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import h5py
import numpy as np
import pytest

from haar.data.well import (
    Axis,
    Boundary,
    DomainSymmetry,
    KnownDataSet,
    Shared,
    Statistics,
    Storage,
    Trajectory,
    WellField,
    WellMetadata,
    WellScalar,
)
from haar.data.well.attributes import Attributes
from haar.data.well.boundary import EdgeMarks
from haar.data.well.incoming import Intake
from haar.data.well.moments import Moments
from haar.data.well.schema import FileSchema, StoredDomain
from haar.errors import DataError


@pytest.fixture
def attributes(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("g")
        values = {
            "word": "abc",
            "words": np.array([b"a", b"b"]),
            "one_word": np.array(["abc"], dtype=h5py.string_dtype()),
            "bytes": b"abc",
            "none": h5py.Empty("f4"),
            "three": 3,
            "three_point_zero": np.array([3.0]),
            "three_and_a_half": 3.5,
            "many": np.array([1, 2]),
            "infinite": np.inf,
            "yes": True,
            "no": np.array([0], dtype=np.int8),
            "half": 0.5,
            "mixed": np.array([True, False, True]),
        }
        for name, value in values.items():
            group.attrs[name] = value
        yield Attributes("a.h5", group)


def test_what_is_taken(attributes):
    assert attributes.text("word") == attributes.text("one_word") == attributes.text("bytes") == "abc"
    assert attributes.texts("words") == ("a", "b")
    assert attributes.texts("word") == ("abc",)
    assert attributes.texts("none") == ()
    assert attributes.integer("three") == attributes.integer("three_point_zero") == 3
    assert (attributes.flag("yes"), attributes.flag("no")) == (True, False)
    assert attributes.flags("mixed", 3) == (True, False, True)
    assert attributes.flags("yes", 1) == (True,)
    assert (attributes.has("word"), attributes.has("missing")) == (True, False)


@pytest.mark.parametrize("default", [True, False])
def test_a_flag_that_may_be_missing(attributes, default):
    assert attributes.flag("missing", default=default) is default
    assert attributes.flag("yes", default=default) is True
    assert attributes.flag("no", default=default) is False


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda a: a.text("missing"), "/g has no attribute missing"),
        (lambda a: a.flag("missing"), "/g has no attribute missing"),
        (lambda a: a.text("words"), r"the attribute words of /g should be text, it is \[b'a' b'b'\]"),
        (lambda a: a.text("three"), "the attribute three of /g should be text, it is 3"),
        (lambda a: a.texts("three"), "the attribute three of /g should be text, it is 3"),
        (lambda a: a.integer("three_and_a_half"), "three_and_a_half of /g should be one whole number, it is 3.5"),
        (lambda a: a.integer("many"), r"many of /g should be one whole number, it is \[1 2\]"),
        (lambda a: a.integer("word"), "word of /g should be one whole number, it is abc"),
        (lambda a: a.integer("infinite"), "infinite of /g should be one whole number, it is inf"),
        (lambda a: a.flag("half"), "half of /g should be True or False, it is 0.5"),
        (lambda a: a.flag("many"), "many of /g should be True or False"),
        (lambda a: a.flags("mixed", 2), "mixed of /g should be 2 values True or False"),
        (lambda a: a.flags("half", 1), "half of /g should be 1 values True or False"),
    ],
)
def test_what_is_not(attributes, ask, message):
    with pytest.raises(DataError, match=f"^a.h5: .*{message}"):
        ask(attributes)


def test_long_values_are_cut(attributes):
    attributes.of.attrs["long"] = "x" * 100
    with pytest.raises(DataError, match=r"it is x{60}$"):
        attributes.integer("long")


@pytest.mark.parametrize(
    "kind",
    [
        Attributes,
        Axis,
        Boundary,
        EdgeMarks,
        DomainSymmetry,
        FileSchema,
        Intake,
        KnownDataSet,
        Moments,
        Shared,
        Statistics,
        Storage,
        StoredDomain,
        Trajectory,
        WellField,
        WellMetadata,
        WellScalar,
    ],
)
def test_records_stay_as_they_were_made(kind):
    with pytest.raises(FrozenInstanceError):
        object.__new__(kind).name = "another"
