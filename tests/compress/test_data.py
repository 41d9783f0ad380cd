"""What is taken as data: pairs, arrays, tables and batches, by the rule of every verb."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from haar.compress import gauge, sweep
from haar.compress.batch import batches_of
from haar.errors import ArgumentError

X = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
CLASSES, NUMBERS = torch.arange(12) % 3, X.roll(1, 1)


@pytest.fixture
def model():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4))


@pytest.mark.parametrize("targets", [CLASSES, NUMBERS])
def test_a_tuple_is_inputs_and_targets(model, targets):
    told = sweep(model, ["magnitude"], data=[(X, targets)])
    for data in ((X, targets), (X.double().numpy(), targets.numpy()), iter([(X, targets)])):
        found = sweep(model, ["magnitude"], data=data)
        assert found.to_dict()["curves"] == told.to_dict()["curves"]
    whole, listed = (gauge(model, ["magnitude"], data=data) for data in ((X, targets), [(X, targets)]))
    assert whole.to_dict() == listed.to_dict()


def test_what_is_one_batch_and_what_are_several():
    for data in (X, (X, CLASSES), [X, CLASSES], [(X, CLASSES)], X.numpy(), {"x": X}, ([X, X], CLASSES)):
        (batch,) = batches_of(data)
        assert batch.size == 12
    for data in ([X, X], ((X, CLASSES), (X, CLASSES)), [(X, CLASSES)] * 2, [X.numpy()] * 2):
        assert len(batches_of(data)) == 2
    frame = pd.DataFrame(X.numpy(), columns=list("abcd"))
    (batch,) = batches_of((frame, pd.Series(CLASSES.numpy())), model=nn.Linear(4, 2).double())
    torch.testing.assert_close(batch.args[0], X.double(), rtol=0, atol=0)
    assert torch.equal(batch.target, CLASSES)


def test_arrays_take_the_models_precision_and_are_left_alone():
    for array in (X.double().numpy(), X.numpy().astype(">f4")):
        (batch,) = batches_of([(array, CLASSES.numpy())], model=nn.Linear(4, 2))
        assert batch.args[0].dtype == torch.float32
        batch.args[0].zero_()
        assert np.abs(array).sum() > 0
    assert batches_of(X.double().numpy())[0].args[0].dtype == torch.float64


def test_data_that_only_give_rows_are_refused_with_the_way_out():
    rows = torch.utils.data.TensorDataset(X, CLASSES)
    with pytest.raises(ArgumentError, match=r"data: expected batches, got TensorDataset; torch.utils.data.DataLoader"):
        batches_of(rows)
    with pytest.raises(ArgumentError, match=r"data: expected batches, got int$"):
        batches_of(3)


@pytest.mark.parametrize("count", [4, 5])
def test_few_samples_are_said_to_tell_nothing_of_chance(model, count):
    found = sweep(model, ["magnitude"], data=(X[:count], CLASSES[:count]))
    few = "There are no intervals, which need 5 samples and draws: this may be chance."
    assert found.summary.endswith(few) == (count < 5)
    assert ("there are no intervals, which need 5 samples" in str(found)) == (count < 5)
