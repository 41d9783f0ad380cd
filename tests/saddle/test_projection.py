"""Balls: inside nothing is written, outside the nearest point of the surface; after every step of every mode."""

from __future__ import annotations

import pytest
import torch
from saddle_games import batches, regression

from haar.errors import ArgumentError
from haar.saddle import MODES, Ball


def _distance(module, start):
    return float(sum((p.detach() - q).square().sum() for p, q in zip(module.parameters(), start, strict=True)).sqrt())


@pytest.mark.parametrize("mode", MODES)
def test_players_stay_in_their_balls_after_every_step(mode):
    game = regression(mode, optimizer=torch.optim.SGD, project=(Ball(0.05), Ball(0.02)))
    starts = [[p.detach().clone() for p in module.parameters()] for module in (game.primal, game.dual)]
    reached = [0.0, 0.0]
    for batch in batches(60):
        game.step(batch)
        for k, (module, radius) in enumerate(((game.primal, 0.05), (game.dual, 0.02))):
            assert _distance(module, starts[k]) <= radius
            reached[k] = max(reached[k], _distance(module, starts[k]))
    assert reached == pytest.approx([0.05, 0.02], rel=1e-6)


def test_inside_nothing_is_written_and_outside_it_is_the_nearest_point():
    first = [torch.tensor([1.0, 2.0]).double(), torch.tensor([[3.0]]).double()]
    ball = Ball(2.0).begin(first)
    inside = [first[0] + 1.0, first[1] + 1.0]
    versions = [p._version for p in inside]
    ball.apply(inside)
    assert [p._version for p in inside] == versions
    outside = [first[0] + torch.tensor([2.0, 4.0]), first[1] + 4.0]  # 6 away
    ball.apply(outside)
    assert torch.allclose(outside[0], first[0] + torch.tensor([2.0, 4.0]) / 3)
    assert torch.allclose(outside[1], first[1] + 4.0 / 3)


def test_only_the_player_that_is_told_stays():
    game = regression(optimizer=torch.optim.SGD, project=(None, Ball(1e-4)))
    starts = [[p.detach().clone() for p in module.parameters()] for module in (game.primal, game.dual)]
    for batch in batches(10):
        game.step(batch)
    assert _distance(game.dual, starts[1]) <= 1e-4 < 1e-3 < _distance(game.primal, starts[0])


def test_a_ball_that_was_saved_is_around_where_that_player_began():
    one, other = regression(seed=0, project=Ball(0.1)), regression(seed=1, project=Ball(0.1))
    other.load_state_dict(one.state_dict())
    start = [p.detach().clone() for p in one.primal.parameters()]
    for batch in batches(30):
        other.step(batch)
    assert _distance(other.primal, start) <= 0.1


def test_what_is_no_ball_is_refused():
    with pytest.raises(ArgumentError, match="radius: expected a number above 0, got 0"):
        Ball(0)
    ball = Ball(1.0).begin([torch.zeros(2)])
    with pytest.raises(ArgumentError, match="state: expected a ball around parameters of these shapes, got other"):
        ball.load_state_dict({"centre": [torch.zeros(3)]})


def test_both_parts_of_complex_parameters_count():
    first = [torch.tensor([1.0 + 1.0j], dtype=torch.complex128), torch.zeros(1, dtype=torch.float64)]
    ball, moved = Ball(1.0).begin(first), [first[0] + 4.0j, first[1] + 3.0]  # 5 away
    ball.apply(moved)
    torch.testing.assert_close(moved[0], first[0] + 0.8j)
    torch.testing.assert_close(moved[1], first[1] + 0.6)
