"""When a player has run away though every number is finite, and which: sums by hand on both sides of each threshold."""

from __future__ import annotations

import pytest
import torch
from saddle_games import Number, sgd
from torch import nn

from haar.saddle import Saddle
from haar.saddle.divergence import check_sizes
from haar.training import DivergedError


def _game(mode="simultaneous"):
    x, y = Number(1.0), Number(1.0)
    return Saddle(x, y, lambda x, y, _: x() * y(), mode, optimizers=sgd((x, y), 0.1, 0.1))


def _look(game, step, sizes, norms, start=1.0, *, in_turn=False):
    """What a look says of players of these sizes, who began at 1, and of gradients of these norms."""
    for player, size in zip(game.players, sizes, strict=True):
        with torch.no_grad():
            player.parameters[0].fill_(size)
    seen = {player.name: each for player, each in zip(game.players, norms, strict=True)}
    order = game.players[::-1] if in_turn else game.players
    check_sizes(step, order, lambda: seen, start, in_turn=in_turn)


def _grown(game, sizes):
    """As a look before saw it."""
    for player, size in zip(game.players, sizes, strict=True):
        player.grown = size


@pytest.mark.parametrize(
    ("size", "norm", "start", "before", "away"),
    [
        (1e4, 1.01e8, 1.0, 9e3, True),
        (1e4, 0.99e8, 1.0, 9e3, False),  # not 1e12 together
        (1e4, 1.01e10, 100.0, 9e3, True),  # over the gradients where all began
        (1e4, 0.99e10, 100.0, 9e3, False),
        (1e4, 1e15, 0.0, 9e3, False),  # which say nothing if they were 0
        (999.0, 1e15, 1.0, 900.0, False),  # not large enough
        (1001.0, 1e15, 1.0, 900.0, True),
        (1e4, 1e15, 1.0, 6.26e3, True),
        (1e4, 1e15, 1.0, 6.24e3, False),  # so fast that it will be too large soon
    ],
)
@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("steep", [0, 1])
def test_large_and_steep_together(size, norm, start, before, away, who, steep):
    """Whichever of the two gradients is steep."""
    game, sizes, norms = _game(), [1.0, 1.0], [[0.0] * 40, [0.0] * 40]
    sizes[who], norms[steep] = size, [1.0] * 20 + [norm] * 20
    _grown(game, [before, before])
    if not away:
        _look(game, 40, sizes, norms, start)
        return
    name = ("primal", "dual")[who]
    with pytest.raises(DivergedError, match=rf"^{name}: diverged at step 40: a parameter of .* when it began"):
        _look(game, 40, sizes, norms, start)


@pytest.mark.parametrize("norms", [[1e15] * 19, [1e15] * 19 + [1.0] + [1e15] * 19, [1e15] * 39 + [1.0]])
def test_twenty_steps_without_one_that_is_not_steep(norms):
    game = _game()
    for more in ([], [1e15] * 20):
        _grown(game, (9e3, 1.0))
        seen = [*norms, *more]
        if not more:
            _look(game, 40, (1e4, 1.0), (seen, [1.0] * len(seen)))
        else:
            with pytest.raises(DivergedError, match="primal"):
                _look(game, 40, (1e4, 1.0), (seen, [1.0] * len(seen)))


def test_who_left_first_is_named_and_not_who_went_farther():
    calm = [1.0] * 40
    game = _game()
    _look(game, 8, (10.1, 9.9), (calm, calm))
    _look(game, 16, (10.1, 1e9), (calm, calm))
    with pytest.raises(DivergedError, match=r"primal: diverged at step 20: a parameter of 10\.2,"):
        _look(game, 20, (10.2, 1e200), (calm, calm))
    game = _game()
    _look(game, 8, (9.9, 10.1), (calm, calm))
    with pytest.raises(DivergedError, match="dual"):
        _look(game, 20, (1e200, 11.0), (calm, calm))
    game = _game()
    _look(game, 4, (11.0, 1.0), (calm, calm))
    _look(game, 8, (9.9, 11.0), (calm, calm))  # the primal came back
    with pytest.raises(DivergedError, match="dual"):
        _look(game, 20, (1e200, 11.0), (calm, calm))


def test_who_left_between_two_looks():
    """Who has grown more; where each answers the move before and every turn is looked at, who moved first: the dual."""
    calm = [1.0] * 40
    for step, in_turn, name in ((2, False, "primal"), (2, True, "dual"), (4, True, "primal"), (1, True, "dual")):
        with pytest.raises(DivergedError, match=rf"^{name}"):
            _look(_game(), step, (1e20, 20.0), (calm, calm), in_turn=in_turn)
    with pytest.raises(DivergedError, match=r"^primal"):
        _look(_game(), 1, (1e20, 9.0), (calm, calm), in_turn=True)


def test_not_a_number_is_more_than_any():
    calm = [1.0] * 40
    with pytest.raises(DivergedError, match=r"dual: .* a parameter of nan"):
        _look(_game(), 20, (1e200, float("nan")), (calm, calm))


def _play(game, steps):
    for _ in range(steps):
        game.step(None)


def _network():
    return nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))


def _instruments(mode, rates, optimizer=torch.optim.Adam):
    torch.manual_seed(0)
    f, u = _network(), _network()
    z = torch.linspace(-3, 3, 64)[:, None]
    x = z + torch.sin(7 * z)
    y = x.abs() + torch.sin(7 * z)
    optimizers = [optimizer(player.parameters(), lr=rate) for player, rate in zip((f, u), rates, strict=True)]

    def objective(f, u, _):
        return ((f(x) - y) * u(z) - u(z).square() / 2).mean()

    return Saddle(f, u, objective, mode, optimizers=optimizers)


@pytest.mark.parametrize("mode", ["simultaneous", "extragradient"])
def test_adam_at_an_absurd_rate_is_called_before_numbers_end(mode):
    game = _instruments(mode, (1e4, 5e-3))
    with pytest.raises(DivergedError, match=r"^primal: diverged at step \d+: a parameter of \d\.\d+e\+0[5-7],"):
        _play(game, 400)


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD])
@pytest.mark.parametrize("mode", ["simultaneous", "alternating", "extragradient", "optimistic"])
@pytest.mark.parametrize("who", [0, 1])
def test_the_player_of_the_absurd_rate_is_named(optimizer, mode, who):
    rates = [1e-3, 5e-3]
    rates[who] = 1e5
    game = _instruments(mode, rates, optimizer)
    with pytest.raises(DivergedError, match=("^primal", "^dual")[who]):
        _play(game, 300)


def test_an_ordinary_game_in_large_units_is_left_alone():
    """Weights of 1e6 from 0, at the rates that such units ask for: gradients are large, and fall."""
    f, u = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    for player in (f, u):
        nn.init.zeros_(player.weight)
    z = torch.linspace(0.5, 1.5, 20)[:, None]
    y = 1e6 * z
    optimizers = [torch.optim.Adam(player.parameters(), lr=rate) for player, rate in ((f, 1e4), (u, 5e4))]
    game = Saddle(f, u, lambda f, u, _: ((f(z) - y) * u(z) - u(z).square() / 2).mean(), optimizers=optimizers)
    _play(game, 400)
    assert float(f.weight.detach()) == pytest.approx(1e6, rel=0.3)


def test_who_has_left_is_part_of_the_state():
    game, other = _game(), _game()
    _look(game, 8, (11.0, 1.0), ([1.0] * 8, [1.0] * 8))
    game.step(None)
    other.load_state_dict(game.state_dict())
    assert [player.left for player in other.players] == [(8, -11.0), None]
    assert [player.grown for player in other.players] == [player.grown for player in game.players]
    assert other.state_dict()["start"] == game.state_dict()["start"] > 0
