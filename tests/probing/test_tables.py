"""Data frames and columns as data: arrays of their numbers, in pairs, dictionaries and alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import haar
from haar.actions import Invariant, Symmetry, Vector
from haar.actions.representation import Defining
from haar.errors import ArgumentError
from haar.groups import cyclic
from haar.probing.manners import check_model
from haar.probing.told_apart import told_apart

pandas = pytest.importorskip("pandas", reason="the extra tables")


@pytest.fixture
def table():
    values = np.random.default_rng(0).normal(size=(40, 2))
    return pandas.DataFrame(values, columns=["vx", "vy"]).assign(energy=(values**2).sum(1))


def test_tables_become_arrays_where_they_stand(table):
    x, y = table[["vx", "vy"]], table.energy
    assert isinstance(told_apart(table, alike="batches"), np.ndarray)
    for whole in ((x, y), [x, y]):
        first, second = told_apart(whole, alike="pair")
        np.testing.assert_array_equal(first, x.to_numpy())
        np.testing.assert_array_equal(second, y.to_numpy())
    named = told_apart({"x": x, "labels": y, "note": "kept"}, alike="batches")
    assert (named["x"].shape, named["labels"].shape, named["note"]) == ((40, 2), (40,), "kept")


def test_verbs_read_them_as_arrays(table):
    rep = Defining(cyclic(4))
    symmetry = Symmetry(rep.group, Vector(rep), Invariant(rep.group))
    x, y = table[["vx", "vy"]], table[["energy"]]

    def model(x):
        return x.square().sum(1, keepdim=True) + 0.1 * x[:, :1]

    told = [
        haar.audit(model, symmetry, pair, layers=False).to_dict()["mse"]
        for pair in ((x, y), (x.to_numpy(), y.to_numpy()))
    ]
    assert told[0] == told[1]
    assert haar.check(model, (x, y), symmetry=symmetry).action == "average"


def test_words_in_a_table_are_refused(table):
    rep = Defining(cyclic(4))
    symmetry = Symmetry(rep.group, Vector(rep), Invariant(rep.group))
    with pytest.raises(ArgumentError, match="expected arrays of numbers, got an array of object"):
        haar.audit(torch.nn.Linear(2, 1), symmetry, table.assign(name="a"), layers=False)


def test_an_estimator_is_shown_the_way():
    class Estimator:
        def predict(self, x):
            return x[:, 0]

    with pytest.raises(ArgumentError, match=r"got Estimator; lambda x: torch\.as_tensor\(estimator\.predict"):
        check_model(Estimator())
