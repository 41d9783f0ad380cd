"""A Bellman equation: the true Q in plain loops, the saddle of two tables, and a game on samples."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError
from haar.saddle import Saddle
from haar.systems.structural_equations import Chain, QTable, bellman_residual
from haar.systems.structural_equations.bellman import closed_form


def test_the_true_value_is_that_of_the_sum_over_time():
    world = Chain(states=5, slip=0.1, right=0.8, discount=0.9)

    def later(state, action):
        steps = {0: max(state - 1, 0), 1: min(state + 1, 4)}
        return [(steps[action], 0.9), (steps[1 - action], 0.1)]

    value = {(s, a): 0.0 for s in range(5) for a in range(2)}
    for _ in range(400):
        value = {
            (s, a): sum(p * ((t == 4) + 0.9 * (0.2 * value[t, 0] + 0.8 * value[t, 1])) for t, p in later(s, a))
            for s, a in value
        }
    truth = world.value()
    for (s, a), v in value.items():
        assert truth[s, a].item() == pytest.approx(v, rel=1e-12)


def test_without_noise_the_saddle_is_the_true_value():
    world = Chain()
    whole = world.whole()
    assert whole.weight.sum().item() == pytest.approx(1.0)
    assert torch.allclose(closed_form(whole, world.discount, 5, 2), world.value(), rtol=1e-10)


def test_a_game_ends_at_the_saddle():
    world = Chain(states=3, discount=0.5)
    players = QTable(3, 2), QTable(3, 2)
    optimizers = [torch.optim.SGD(each.parameters(), lr=4.0) for each in players]
    objective = bellman_residual(world.discount)
    game = Saddle(*players, objective, "extragradient", optimizers=optimizers, averaging=None)
    for _ in range(500):
        game.step(world.whole())
    assert torch.allclose(players[0].values, world.value(), rtol=1e-6)
    assert players[1].values.abs().max() < 1e-6  # nothing is left to be seen


def test_samples_are_of_the_chain_and_repeat():
    world = Chain()
    seen = world.transitions(4000, seed=1)
    again = world.transitions(4000, seed=1)
    assert torch.equal(seen.next_state, again.next_state)
    found = closed_form(seen, world.discount, 5, 2)
    assert (found - world.value()).norm() / world.value().norm() < 0.1
    right = seen.next_state[seen.action == 1] - seen.state[seen.action == 1]
    assert (right < 0).double().mean().item() == pytest.approx(0.1 * 0.8, abs=0.03)
    assert torch.equal(seen.reward, (seen.next_state == 4).double())
    assert len(seen.rows(torch.arange(3))) == 3
    assert seen.next_action.double().mean().item() == pytest.approx(0.8, abs=0.03)


def test_a_discount_out_of_range_is_refused():
    with pytest.raises(ArgumentError, match="discount: expected at least 0 and below 1, got 1"):
        bellman_residual(1)
