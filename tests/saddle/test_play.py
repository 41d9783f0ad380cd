"""A whole game that was killed ends with the same bits; its turns are those of a loop by hand."""

from __future__ import annotations

import pytest
import torch
from saddle_games import F64, bilinear, point, projected_residual, regression, same, state
from torch import nn

from haar.errors import ArgumentError
from haar.saddle import Averaging, Saddle, play
from haar.training import seed_of


def _draw(step, generator):
    x, z = torch.randn(2, 8, 2, dtype=F64, generator=generator)
    return x, x.sum(1, keepdim=True).sin(), z


def _noisy():
    """A player with dropout, which draws from torch's own generator."""
    made = regression()
    f = nn.Sequential(*made.primal, nn.Dropout(0.5))
    return Saddle(f, made.dual, projected_residual, "optimistic", averaging=Averaging(every=2))


class Killed(Exception):  # noqa: N818
    pass


def test_a_game_that_was_killed_ends_with_the_same_bits(tmp_path):
    def killing(step, generator):
        if step == 7:
            raise Killed
        return _draw(step, generator)

    game = _noisy()
    outside = torch.random.get_rng_state()
    whole = play(game, _draw, 12, seed=3)
    assert torch.equal(outside, torch.random.get_rng_state())
    file = tmp_path / "game"
    with pytest.raises(Killed):
        play(_noisy(), killing, 12, seed=3, checkpoint=file, every=3)
    again = play(_noisy(), _draw, 12, seed=3, checkpoint=file, every=3)
    assert same(state(whole), state(again))
    assert again.history == whole.history
    assert again.bank.steps == whole.bank.steps == [8, 10, 12]
    with pytest.raises(ArgumentError, match="checkpoint: expected the run it belongs to, got another seed"):
        play(_noisy(), _draw, 12, seed=4, checkpoint=file)


def test_turns_are_those_of_a_loop_by_hand():
    one, other = regression(), regression()
    play(one, _draw, 5, seed=2)
    for step in range(5):
        other.step(_draw(step, torch.Generator().manual_seed(seed_of(2, step))))
    assert same(state(one), state(other))
    play(one, _draw, 5, seed=2)  # nothing is left to do
    assert same(state(one), state(other))


def test_numbers_out_of_range_are_refused():
    game = bilinear("simultaneous", 0.1)
    with pytest.raises(ArgumentError, match="steps: expected at least 1, got 0"):
        play(game, _draw, 0)
    with pytest.raises(ArgumentError, match="every: expected at least 1, got 0"):
        play(game, _draw, 1, every=0)
    assert point(game).tolist() == [1.0, 0.5]
