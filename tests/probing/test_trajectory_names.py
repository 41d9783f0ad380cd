"""Names of trajectories as whole numbers: equal where they are; columns of data frames in audits and checks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import haar
from haar.errors import ArgumentError
from haar.probing.trajectory_names import trajectory_numbers

NAMES = [f"day {k // 10}" for k in range(60)]


@given(st.lists(st.text(max_size=3), min_size=1, max_size=12))
def test_numbers_are_equal_where_names_are(names):
    for marks in (names, tuple(names), np.array(names, dtype=object)):
        found = trajectory_numbers(marks)
        assert found.dtype == np.int64
        assert [[a == b for b in found] for a in found] == [[a == b for b in names] for a in names]


@pytest.mark.parametrize("marks", [[1, 2], ["a", 1], np.zeros(3), torch.arange(3), np.array([["a"]]), []])
def test_what_is_no_list_of_names_is_left_as_it_is(marks):
    assert trajectory_numbers(marks) is marks


def data():
    x = torch.randn(60, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return x, x.square().sum(1, keepdim=True)


def leaning(x):
    return x.square().sum(1, keepdim=True) + 0.3 * x[:, :1]


def symmetry():
    group = haar.groups.cyclic(4)
    return haar.Symmetry(group, haar.Vector(haar.actions.Defining(group)), haar.Invariant(group))


def test_names_are_trajectories_of_an_audit():
    x, y = data()
    numbers = haar.audit(leaning, symmetry(), (x, y), clusters=torch.arange(60) // 10).to_dict()
    assert numbers["trajectories"] == 6
    for clusters in (NAMES, np.array(NAMES)):
        named = haar.audit(leaning, symmetry(), (x, y), clusters=clusters).to_dict()
        assert named["trajectories"] == 6
        assert named["mse"] == pytest.approx(numbers["mse"], rel=1e-9)  # with the ends of its interval
    with pytest.raises(ArgumentError, match="clusters: expected"):
        haar.audit(leaning, symmetry(), (x, y), clusters=["a", None] * 30)


def test_columns_of_a_data_frame_are_inputs_labels_and_trajectories():
    pandas = pytest.importorskip("pandas", reason="the extra tables")
    x, y = data()
    frame = pandas.DataFrame({"a": x[:, 0], "b": x[:, 1], "E": y[:, 0], "day": NAMES})
    for day in (frame["day"], frame["day"].astype("category"), frame["day"].astype("string")):
        given_frame = (frame[["a", "b"]], frame[["E"]], day)
        assert haar.check(leaning, given_frame, symmetry=symmetry()).measured.units == 3
        assert haar.audit(leaning, symmetry(), given_frame).to_dict()["trajectories"] == 6
        named = {"x": frame[["a", "b"]], "y": frame[["E"]], "clusters": day}
        assert haar.check(leaning, named, symmetry=symmetry()).measured.units == 3
    assert haar.audit(leaning, symmetry(), given_frame[:2], clusters=frame["day"]).to_dict()["trajectories"] == 6
