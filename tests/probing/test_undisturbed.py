from __future__ import annotations

import random
from collections import deque

import numpy as np
import pytest
import torch
from torch import nn

from haar.probing import undisturbed


class Restless(nn.Module):
    """Draws from every source of random numbers, counts its calls, and overrides train()."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("late", None)

    def train(self, mode=True):  # noqa: FBT002 (as torch has it)
        super().train(mode)
        self.norm.eval()  # a frozen batch norm
        return self

    def forward(self, x):
        self.calls += 1
        self.late = x.mean()
        self.register_buffer("later", x.sum())
        return self.norm(x) + random.random() + np.random.rand() + torch.rand(())  # noqa: NPY002


def _drawn():
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002


def test_modes_buffers_and_random_states_are_put_back():
    model = Restless().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    wanted = _drawn()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    with undisturbed(model, mode="train"):
        assert model.norm.training
        model(torch.randn(4, 3))
    assert _drawn() == wanted
    assert model.training
    assert not model.norm.training
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert model.late is None
    assert not hasattr(model, "later")


def test_they_are_put_back_after_an_error_too():
    model = Restless()
    with pytest.raises(RuntimeError), undisturbed(model):  # noqa: PT012
        assert not model.training
        model.norm.running_mean.fill_(float("nan"))
        raise RuntimeError
    assert model.training
    assert model.norm.running_mean.tolist() == [0.0, 0.0, 0.0]


def test_buffers_that_were_not_written_count_no_write():
    model = nn.BatchNorm1d(3)
    writes = model.running_mean._version
    with undisturbed(model):
        model(torch.randn(4, 3))
    assert model.running_mean._version == writes


def test_a_buffer_of_another_size_is_put_back():
    model = nn.Module()
    model.register_buffer("cache", torch.zeros(2))
    with undisturbed(model):
        model.cache.resize_(5).fill_(1)
    assert model.cache.tolist() == [0.0, 0.0]


def test_functions_and_kept_modes():
    with undisturbed(torch.sin):
        torch.rand(())
    model = nn.Dropout()
    with undisturbed(model, mode=None):
        assert model.training


class Remembers(nn.Module):
    """Keeps a count, a hidden state, lists of what it saw and an object of its own in plain attributes."""

    class Cache:
        def __init__(self):
            self.keys = []

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.count, self.hidden, self.cache, self.seen = 0, torch.zeros(2), self.Cache(), {"sums": deque(maxlen=3)}
        self.noise = torch.Generator().manual_seed(3)

    def forward(self, x):
        self.count += 1
        self.hidden += x.mean(0)
        self.cache.keys.append(x)
        self.seen["sums"].append(float(x.sum()))
        self.seen["last"] = x
        self.made = torch.rand(1, generator=self.noise)
        self.linear(x).sum().backward()
        return x


def test_plain_attributes_and_gradients_are_put_back():
    model = Remembers()
    held = model.hidden
    model.linear.bias.grad = torch.full((2,), 7.0)
    with undisturbed(model):
        model(torch.ones(3, 2))
        assert model.count == 1
    assert model.count == 0
    assert model.hidden is held
    assert held.tolist() == [0.0, 0.0]
    assert model.cache.keys == []
    assert list(model.seen) == ["sums"]
    assert len(model.seen["sums"]) == 0
    assert not hasattr(model, "made")
    assert torch.equal(model.noise.get_state(), torch.Generator().manual_seed(3).get_state())
    assert model.linear.weight.grad is None
    assert model.linear.bias.grad.tolist() == [7.0, 7.0]


class Uncounted(tuple):
    """A tuple that has no length, as one of a multiplicity and a representation."""

    __slots__ = ()

    def __len__(self):
        raise NotImplementedError


class Growing(list):
    """A list that says nothing of its parts."""

    def __len__(self):
        raise NotImplementedError

    def __iter__(self):
        raise NotImplementedError


def test_sequences_that_count_otherwise_are_put_back():
    model = nn.Identity()
    model.pair, model.seen = Uncounted(([1],)), Growing([2])
    with undisturbed(model):
        model.pair[0].append(3)
        model.seen.append(4)
    assert model.pair[0] == [1]
    assert list.__eq__(model.seen, [2])
