"""Losses: a user's of a model and a batch, and torch's of outputs and targets."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import haar
from haar.align.losses import batches_for, inputs_of_first, loss_of
from haar.errors import ArgumentError

X, Y = torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3


def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


def own(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), nn.functional.cross_entropy])
def test_torchs_losses_are_taken_as_they_are(loss):
    a, b = network(0), network(1)
    halves = [(X[:6], Y[:6]), (X[6:], Y[6:])]
    for data, same in ((halves, halves), ((X, Y), [(X, Y)]), ([X, Y], [(X, Y)]), (iter(halves), halves)):
        found = haar.align.barrier(a, b, loss, data, points=3)
        assert found.losses == haar.align.barrier(a, b, own, same, points=3).losses


def test_torchs_loss_and_its_data_are_enough_to_learn_by():
    a, b = network(0), network(1)
    learning = haar.align.Learning(steps=3, learning_rate=0.02, permutations=0.02)
    found = haar.align(a, b, how="learned", loss=nn.CrossEntropyLoss(), data=(X, Y), learning=learning)
    told = haar.align(a, b, how="learned", loss=own, data=[(X, Y)], example=X, learning=learning)
    assert all(torch.equal(found.b[name], told.b[name]) for name in told.b)


def test_the_first_batch_traces_the_model():
    a = network(0)
    twin = copy.deepcopy(a)
    with torch.no_grad():
        order = torch.randperm(6, generator=torch.Generator().manual_seed(2))
        twin[0].weight.copy_(a[0].weight[order])
        twin[0].bias.copy_(a[0].bias[order])
        twin[2].weight.copy_(a[2].weight[:, order])
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=4, shuffle=True)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    for how in ("weights", "activations"):
        assert haar.align(a, twin, how=how, data=loader).same
    assert torch.equal(torch.get_rng_state(), before)


def test_inputs_of_the_first_batch():
    for data in (X, (X, Y), [X, Y], [(X, Y)], ((X, Y),), [[X, Y]]):
        assert inputs_of_first(data) is X
    for data in (None, iter([X]), {"x": X}, [], [{"x": X}], 3):
        assert inputs_of_first(data) is None


@pytest.mark.parametrize(
    ("inputs", "outputs"), [((X,), X), ([X], X), ({"x": X}, X), (X, X), ((X, X), 2 * X), ({"x": X, "more": X}, 2 * X)]
)
def test_inputs_of_every_kind(inputs, outputs):
    def model(x, more=0.0):
        return x + more

    assert loss_of(nn.MSELoss())(model, (inputs, outputs)) == 0
    assert loss_of(nn.MSELoss())(model, (inputs, outputs + 1)) == 1


def test_what_is_no_loss_or_no_pair_is_refused():
    a, b = network(0), network(1)
    words = r"loss: expected a function of a model and a batch, or torch's loss of outputs and targets, .*, got "
    with pytest.raises(ArgumentError, match=words + "'mse'"):
        loss_of("mse")
    with pytest.raises(ArgumentError, match=words + "int"):
        loss_of(3)
    words = "data: expected batches of inputs and targets, for MSELoss compares outputs with targets, got a batch of"
    with pytest.raises(ArgumentError, match=f"{words} type Tensor; give pairs, or a loss of a model and a batch"):
        haar.align.barrier(a, b, nn.MSELoss(), [X])
    with pytest.raises(ArgumentError, match=f"{words} type tuple"):
        loss_of(nn.MSELoss())(a, (X, Y, Y))
    with pytest.raises(ArgumentError, match="data: expected an iterable of batches, got int"):
        batches_for(own, 3)
    with pytest.raises(ArgumentError, match="data: expected at least one batch, got none"):
        batches_for(own, [])


def test_orders_without_a_rate_are_nothing_to_be_learned():
    one, other = (nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)) for _ in range(2))
    x = torch.ones(4, 2)
    for rate, refused in ((0.0, True), (0.02, False)):
        options = {"how": "learned", "loss": nn.MSELoss(), "data": [(x, x)], "example": x}
        learning = haar.align.Learning(steps=1, permutations=rate)
        if refused:
            with pytest.raises(ArgumentError, match=r"^how: expected a rotation, or orders with a rate above 0"):
                haar.align.align(one, other, learning=learning, **options)
        else:
            assert haar.align.align(one, other, learning=learning, **options).how == "learned"
