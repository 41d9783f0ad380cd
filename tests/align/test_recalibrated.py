"""Batch norms that take their statistics anew."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.align import barrier, merge, recalibrated
from haar.errors import ArgumentError

X = torch.randn(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def _made(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 2)).double()
    for _ in range(20):
        model(X)
    return model.eval()


def _loss(model, x):
    return (model(x) - x[:, :2]).square().mean()


def test_statistics_are_those_of_the_data_and_nothing_else_changes():
    model = _made(0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = recalibrated(model, [X[:20], (X[20:], "labels")])
    h = model[0](X)
    torch.testing.assert_close(found[1].running_mean, h.mean(0))
    halves = torch.stack([h[:20].var(0), h[20:].var(0)]).mean(0)
    torch.testing.assert_close(found[1].running_var, halves)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert found[1].momentum == model[1].momentum
    assert not found.training
    assert not found[3].training
    assert torch.equal(found[0].weight, model[0].weight)


def test_a_merge_has_statistics_of_its_own():
    one, other = _made(0), _made(1)
    plain, own = (merge([one, other], example=X, calibration=c) for c in (None, [X]))
    h = own[0](X)
    torch.testing.assert_close(own[1].running_mean, h.mean(0))
    assert not torch.allclose(plain[1].running_var, own[1].running_var)


def test_every_point_of_a_line_has_its_own():
    one, other = _made(0), _made(1)
    found = barrier(one, other, _loss, [X], points=3, calibration=[X])
    middle = recalibrated(merge_plain(one, other), [X])
    assert found.middle() == pytest.approx(float(_loss(middle, X).detach()), rel=1e-12)


def merge_plain(one, other):
    """The plain mean."""
    made = _made(0)
    made.load_state_dict({k: (v + other.state_dict()[k]) / 2 for k, v in one.state_dict().items()})
    return made


def test_no_batch_is_refused():
    with pytest.raises(ArgumentError, match="data: expected at least one batch, got none"):
        recalibrated(_made(0), [])
    with pytest.raises(ArgumentError, match="calibration: expected models, to run the batches, got parameters by name"):
        merge([_made(0).state_dict()] * 2, calibration=[X])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (X, r"data: expected batches, such as \[x\], got one tensor"),
        ([X, X[:1]], "data: batch 1: expected inputs that the model takes, of more than one sample, got others"),
        ([X * torch.nan], "data: expected finite activations before every batch norm, got NaN or infinity"),
    ],
)
def test_batches_that_tell_nothing_are_refused(data, told):
    with pytest.raises(ArgumentError, match=told):
        recalibrated(_made(0), data)
