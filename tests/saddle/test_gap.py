"""The best-response gap: that of a game whose best responses are known, 0 at the saddle, and nothing is moved."""

from __future__ import annotations

import copy

import pytest
import torch
from saddle_games import Number, batches, regression, same, sgd, state

from haar.errors import ArgumentError
from haar.saddle import Saddle


def _quadratic(x, y):
    """(x - 3 b)^2 / 2 + x y - y^2 / 2: against y the best x is 3 b - y, against x the best y is x."""
    players = Number(x), Number(y)
    return Saddle(
        *players,
        lambda x, y, batch: (x() - 3 * batch) ** 2 / 2 + x() * y() - y() ** 2 / 2,
        optimizers=sgd(players, 0.2, 0.3),
    )


def test_the_gap_is_what_both_can_win():
    game = _quadratic(2.0, 0.5)
    found = game.gap([1.0], steps=100)
    assert found.objective == pytest.approx(0.5 + 1.0 - 0.125)
    assert found.best_dual == pytest.approx(0.5 + 2.0)  # y = 2
    assert found.best_primal == pytest.approx(0.125 + 1.25 - 0.125)  # x = 2.5
    assert found.value == pytest.approx(1.25)
    assert str(found) == "best-response gap 1.25: the dual can win 1.125, the primal 0.125"
    assert game.gaps == [(0, found.value)]


def test_there_is_none_at_the_saddle_and_the_mean_over_batches_is_played_for():
    assert _quadratic(1.5, 1.5).gap([1.0]).value == 0.0
    assert _quadratic(1.5, 1.5).gap([0.5, 1.5], steps=200).value == pytest.approx(0.0, abs=1e-12)
    assert _quadratic(1.5, 1.5).gap([0.5], steps=200).value > 0.1


def test_one_step_that_leads_nowhere_is_no_gain():
    players = Number(2.0), Number(0.5)
    wild = Saddle(*players, lambda x, y, _: x() ** 2 + x() * y() - y() ** 2, optimizers=sgd(players, 5.0, 5.0))
    assert wild.gap([None], steps=1).value == 0.0


def test_it_moves_nobody_and_leaves_the_optimisers_alone():
    game, other = regression(), regression()
    given = batches(6)
    for each in (game, other):
        for batch in given[:3]:
            each.step(batch)
    before = state(game)
    kept = copy.deepcopy([player.optimizer.state_dict() for player in game.players])
    assert game.gap(given, steps=5).value > 0
    assert same(before, state(game))
    for after, then in zip((player.optimizer.state_dict() for player in game.players), kept, strict=True):
        assert str(after) == str(then)
    for each in (game, other):
        for batch in given[3:]:
            each.step(batch)
    assert same(state(game), state(other))


def test_without_batches_or_steps_there_is_no_gap():
    with pytest.raises(ArgumentError, match="batches: expected at least one, got none"):
        _quadratic(1.0, 1.0).gap([])
    with pytest.raises(ArgumentError, match="steps: expected at least 1, got 0"):
        _quadratic(1.0, 1.0).gap([1.0], steps=0)


def test_it_leaves_the_random_state_alone():
    players = Number(2.0), Number(0.5)
    noisy = Saddle(*players, lambda x, y, _: x() ** 2 + x() * y() - y() ** 2 + torch.randn(()))
    before = torch.get_rng_state()
    noisy.gap([None], steps=2)
    assert torch.equal(before, torch.get_rng_state())
