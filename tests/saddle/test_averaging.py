"""Averages of functions: those of weights for linear models alone; which snapshots are kept; distillation."""

from __future__ import annotations

import copy

import pytest
import torch
from saddle_games import ALL, F64, batches, regression, same
from torch import nn

from haar.errors import ArgumentError
from haar.saddle import Averaging, Bank, FunctionAverage, distilled
from haar.training import Plan


def _states(make, count=5):
    return [{k: v.clone() for k, v in make().state_dict().items()} for _ in range(count)]


def _mean(states):
    return {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}


def test_the_average_of_linear_models_is_the_model_of_average_weights_and_that_of_networks_is_not():
    torch.manual_seed(0)
    x = torch.randn(50, 3, dtype=F64)
    for make, linear in (
        (lambda: nn.Linear(3, 2, dtype=F64), True),
        (lambda: nn.Sequential(nn.Linear(3, 8, dtype=F64), nn.ReLU(), nn.Linear(8, 2, dtype=F64)), False),
    ):
        states = _states(make)
        average = FunctionAverage(make(), states)(x)
        merged = make()
        merged.load_state_dict(_mean(states))
        apart = float((average - merged(x).detach()).abs().max())
        assert (apart < 1e-14) if linear else (apart > 0.01)
        assert torch.allclose(
            average, torch.stack([torch.func.functional_call(make(), s, (x,)) for s in states]).mean(0), atol=1e-14
        )


def test_snapshots_of_the_last_share_are_kept():
    bank, module = Bank(Averaging(every=3, share=0.5)), nn.Linear(1, 1)
    for step in range(1, 25):
        bank.see(step, module)
    assert bank.steps == [15, 18, 21, 24]
    everything = Bank(Averaging(every=3, share=1))
    for step in range(1, 25):
        everything.see(step, module)
    assert everything.steps == list(range(3, 25, 3))


def test_a_snapshot_does_not_move_with_the_player():
    game = regression(averaging=ALL)
    x = batches(1)[0][0]
    answers = []
    for batch in batches(4):
        game.step(batch)
        answers.append(game.primal(x).detach())
    assert torch.allclose(game.averaged(x), torch.stack(answers).mean(0), atol=1e-14)
    assert not game.averaged(x).requires_grad


def test_an_average_is_a_module_that_can_be_copied_saved_and_moved():
    game = regression(averaging=ALL)
    x = batches(1)[0][0]
    for batch in batches(3):
        game.step(batch)
    average = game.average()
    other = regression(seed=5, averaging=ALL)
    for batch in batches(3, seed=9):
        other.step(batch)
    again = other.average()
    assert not torch.allclose(again(x), average(x))
    again.load_state_dict(average.state_dict())
    assert torch.equal(again(x), average(x))
    assert torch.equal(copy.deepcopy(average)(x), average(x))
    assert average.float()(x.float()).dtype == torch.float32
    assert list(average.parameters(recurse=True)) == list(average.module.parameters())
    assert not any(p.requires_grad for p in average.parameters())


def test_several_answers_are_averaged_each():
    class Two(nn.Linear):
        def forward(self, x):
            return super().forward(x), {"twice": 2 * super().forward(x)}

    made = Two(1, 1, dtype=F64)
    one, other = FunctionAverage(made, _states(lambda: Two(1, 1, dtype=F64), 3))(torch.ones(2, 1, dtype=F64))
    assert torch.allclose(other["twice"], 2 * one)


def test_one_network_learns_the_average():
    game = regression(averaging=Averaging(every=5))
    for batch in batches(100):
        game.step(batch)
    inputs = torch.randn(300, 2, dtype=F64, generator=torch.Generator().manual_seed(3))
    before = copy.deepcopy(game.state_dict())
    found = game.distil(inputs, plan=Plan(steps=300, learning_rate=0.01, batch_size=64, schedule="cosine"))
    assert found.error < 0.02
    last = game.average()
    untrained = (game.primal(inputs).detach() - last(inputs)).square().mean() / last(inputs).var(correction=0)
    assert found.error < 0.5 * float(untrained.sqrt())
    assert same(list(before["players"][0]["module"].values()), list(game.state_dict()["players"][0]["module"].values()))


def test_what_cannot_be_averaged_is_refused():
    with pytest.raises(ArgumentError, match="share: expected above 0 and at most 1, got 0"):
        Averaging(share=0)
    with pytest.raises(ArgumentError, match="every: expected at least 1, got 0"):
        Averaging(every=0)
    with pytest.raises(ArgumentError, match="states: expected at least one, got none"):
        FunctionAverage(nn.Linear(1, 1), [])
    average = FunctionAverage(nn.Linear(1, 1), _states(lambda: nn.Linear(1, 1), 2))
    with pytest.raises(ArgumentError, match="inputs: expected at least 10, of which a fifth is held out, got 9"):
        distilled(average, torch.zeros(9, 1))


def test_there_is_no_average_before_a_snapshot():
    bank, module = Bank(Averaging(every=3, share=1)), nn.Linear(1, 1)
    bank.see(2, module)
    with pytest.raises(ArgumentError, match="game: expected at least 3 steps before an average, got no snapshot; take"):
        bank.mean(module)
    bank.see(3, module)
    assert len(bank.steps) == 1
    bank.mean(module)


def test_an_average_inside_a_module_that_trains_is_not_trained_nor_drawn():
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(3, 4, dtype=F64), nn.BatchNorm1d(4, dtype=F64), nn.Dropout(0.5))
    average, x = FunctionAverage(made, _states(lambda: made, 2)), torch.randn(8, 3, dtype=F64)
    expected, state = average(x), copy.deepcopy(average.state_dict())
    outer = nn.Sequential(average).train()
    assert average.training
    torch.testing.assert_close(outer(x), expected, rtol=0, atol=0)
    assert all(torch.equal(value, average.state_dict()[name]) for name, value in state.items())


def test_complex_and_constant_averages_are_learned_too():
    x = torch.randn(40, 2, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    make = lambda: nn.Linear(2, 1, dtype=torch.complex64)  # noqa: E731
    torch.manual_seed(0)
    average = FunctionAverage(make(), _states(make, 3))
    assert distilled(average, x, plan=Plan(steps=300, learning_rate=0.02)).error < 0.05
    zero = {"weight": torch.zeros(1, 2), "bias": torch.ones(1)}
    constant = FunctionAverage(nn.Linear(2, 1), [zero, zero])
    assert distilled(constant, x.real, plan=Plan(steps=2)).error == 0.0
    several = FunctionAverage(nn.LSTM(2, 2), [nn.LSTM(2, 2).state_dict()])
    with pytest.raises(ArgumentError, match="average: expected one tensor as its answer, got tuple"):
        distilled(several, torch.zeros(10, 4, 2))
