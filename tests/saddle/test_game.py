"""Games: resume bit for bit, clipping, what is logged, and what is refused."""

from __future__ import annotations

import copy
import io
import math

import pytest
import torch
from saddle_games import Number, batches, bilinear, point, projected_residual, regression, same, sgd, state
from torch import nn

from haar.errors import ArgumentError
from haar.saddle import MODES, Averaging, Ball, Multipliers, Saddle
from haar.training import DivergedError


@pytest.mark.parametrize("mode", MODES)
def test_a_game_that_was_saved_goes_on_with_the_same_bits(mode):
    options = {"project": Ball(0.5), "dual_steps": 2, "averaging": Averaging(every=2), "clip": 0.1}
    whole, first, again = (regression(mode, **options) for _ in range(3))
    given = batches(12)
    for batch in given:
        whole.step(batch)
    for batch in given[:5]:
        first.step(batch)
    first.gap(given[:1], steps=3)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    for batch in given[:3]:
        again.step(batch)  # what it was before is forgotten
    again.load_state_dict(torch.load(file, weights_only=True))
    for batch in given[5:]:
        again.step(batch)
    assert same(state(whole), state(again))
    assert whole.history == again.history
    assert again.gaps == first.gaps != []
    assert torch.equal(whole.averaged(given[0][0]), again.averaged(given[0][0]))


def test_a_saved_state_does_not_move_with_the_game():
    game = regression("optimistic", averaging=Averaging(every=1))
    game.step(batches(1)[0])
    kept = game.state_dict()
    before = copy.deepcopy(kept["players"][0]["module"])
    for batch in batches(3):
        game.step(batch)
    assert same(list(before.values()), list(kept["players"][0]["module"].values()))


def test_the_state_of_another_game_is_refused():
    kept = regression("simultaneous").state_dict()
    with pytest.raises(ArgumentError, match="state: expected the state of a game like this one, got another mode"):
        regression("optimistic").load_state_dict(kept)


def test_a_turn_tells_what_was_moved_with():
    game = bilinear("simultaneous", 0.1, (3.0, 4.0))
    turn = game.step(None)
    assert (turn.step, turn.objective, turn.primal_gradient, turn.dual_gradient) == (1, 12.0, 4.0, 3.0)
    assert game.history == [turn]
    assert game.last is game.primal


def test_clipping_bounds_the_step_and_not_what_is_told():
    game = bilinear("simultaneous", 1.0, (3.0, 0.5), clip=1.0)
    turn = game.step(None)
    assert (turn.primal_gradient, turn.dual_gradient) == (0.5, 3.0)
    assert point(game).tolist() == [2.5, 1.5]


def test_without_optimisers_it_is_adam_at_the_rates_that_are_told():
    torch.manual_seed(0)
    game = Saddle(nn.Linear(1, 1), nn.Linear(1, 1), lambda f, u, x: (f(x) * u(x)).mean())
    assert [type(player.optimizer) for player in game.players] == [torch.optim.Adam] * 2
    assert [player.optimizer.param_groups[0]["lr"] for player in game.players] == [1e-3, 5e-3]


def test_a_game_and_the_duals_of_relaxation_take_the_same_steps():
    """Multipliers by gradient steps with the damping term, as relaxation has them, and as a game."""
    from haar.relax.duals.damped import Damped
    from haar.relax.duals.solver import Variables

    start, slope, rates = torch.tensor([1.0, -0.5], dtype=torch.float64), torch.tensor([0.7, -0.3]).double(), (0.1, 0.3)
    for mode in ("simultaneous", "alternating"):
        solver = Damped(gamma_rate=rates[0], dual_rate=rates[1], order=mode)
        held = Variables("equality", 1.0, start.clone(), torch.zeros(2).double(), torch.zeros(2).double())
        solver = solver.tuned(100, held)
        gammas, multipliers = nn.ParameterList([start.clone()]), Multipliers(2, dtype=torch.float64)
        if mode == "alternating":  # there the gammas begin, here the multipliers: half a turn apart
            with torch.no_grad():
                multipliers.values -= rates[1] * start

        def lagrangian(primal, dual, batch):
            gamma = primal[0]
            return (slope * gamma).sum() + gamma.square().sum() / 2 + (dual() * gamma).sum()

        game = Saddle(gammas, multipliers, lagrangian, mode, optimizers=sgd((gammas, multipliers), *rates))
        for _ in range(30):
            before = held.multiplier
            solver.advance(held, slope)
            game.step(None)
            assert torch.allclose(gammas[0], held.gamma, rtol=1e-12, atol=1e-14)
            expected = held.multiplier if mode == "simultaneous" else before
            assert torch.allclose(multipliers(), expected, rtol=1e-12, atol=1e-14)


def test_multipliers_of_an_inequality_find_the_bound():
    """The least x^2 / 2 with x >= 1: the multiplier is 1, and never negative on the way."""
    x, multiplier = Number(3.0), Multipliers(1, equality=False, dtype=torch.float64)
    game = Saddle(
        x,
        multiplier,
        lambda x, dual, _: x() ** 2 / 2 + dual()[0] * (1 - x()),
        optimizers=sgd((x, multiplier), 0.1, 0.1),
    )
    seen = []
    for _ in range(400):
        game.step(None)
        seen.append(float(multiplier().detach()))
    assert min(seen) == 0.0
    assert (x.value.item(), seen[-1]) == pytest.approx((1.0, 1.0), abs=1e-6)


def _one(x, u, batch):
    return x() * u()


class Shared(nn.Module):
    def __init__(self, number):
        super().__init__()
        self.number = number


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Saddle(torch.zeros(1), Number(), _one), "primal: expected a torch.nn.Module, got Tensor"),
        (
            lambda: Saddle(Number(), torch.zeros(1), _one),
            "dual: expected a torch.nn.Module, got Tensor; for multipliers give haar.saddle.Multipliers",
        ),
        (lambda: Saddle(Number(), nn.Identity(), _one), "dual: expected a module with trainable parameters, got none"),
        (lambda: bilinear("simultaneous", 0.1, dual_steps=0), "dual_steps: expected at least 1, got 0"),
        (lambda: bilinear("simultaneous", 0.1, clip=-1.0), "clip: expected a number above 0, got -1.0"),
        (lambda: bilinear("simultaneous", 0.1, averaging=None).average(), r"averaging: expected Averaging\(...\)"),
        (
            lambda: bilinear("simultaneous", 0.1).averaged(),
            "game: expected at least 20 steps before an average, got no snapshot",
        ),
        (lambda: Multipliers(0), "count: expected at least 1, got 0"),
    ],
)
def test_what_is_no_game_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_players_with_a_parameter_in_common_are_refused():
    x = Number()
    with pytest.raises(ArgumentError, match="dual: expected parameters of its own, got 1 of the primal's"):
        Saddle(x, Shared(x), _one)


def test_optimisers_that_do_not_fit_are_refused():
    x, y = Number(), Number()
    up = torch.optim.SGD(y.parameters(), lr=0.1, maximize=True)
    with pytest.raises(ArgumentError, match=r"optimizers \(dual\): expected one that minimises, got maximize=True"):
        Saddle(x, y, _one, optimizers=[*sgd((x,), 0.1), up])
    with pytest.raises(ArgumentError, match=r"optimizers \(dual\): expected an optimiser of the dual's parameters"):
        Saddle(x, y, _one, optimizers=sgd((x, x), 0.1, 0.1))
    with pytest.raises(ArgumentError, match=r"optimizers: expected two, of the primal and of the dual, got 1"):
        Saddle(x, y, _one, optimizers=sgd((x,), 0.1))


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda *_: 3.0, "objective: expected a function that gives one number in a tensor, got float"),
        (lambda x, y, _: (x() * y()).expand(2), r"objective: expected .* one number in a tensor, got shape \(2,\)"),
        (lambda *_: torch.ones(()), "objective: expected a number that depends on the players, got a const"),
        (lambda x, y, _: torch.complex(x(), y()), r"objective: expected a real number.*got torch\.complex"),
        (lambda x, *_: x() ** 2, "objective: expected a number that depends on the dual, got none of its"),
    ],
)
def test_objectives_that_are_none_are_refused(objective, message):
    with pytest.raises(ArgumentError, match=message):
        Saddle(Number(), Number(), objective).step(None)


def _play_on(game):
    for _ in range(1000):
        game.step(None)


def test_a_player_that_runs_away_is_named_with_the_step():
    x, y = Number(1.0), Number(1.0)
    game = Saddle(x, y, lambda x, y, _: x() * 1e-3 + y() ** 2, optimizers=sgd((x, y), 0.1, 1e3))
    with pytest.raises(DivergedError, match=r"dual: diverged at step \d+: .* since step 4; lower its .*1e\+03") as told:
        _play_on(game)
    assert f"step {game.taken + 1}:" in str(told.value)
    assert all(math.isfinite(value) for value in point(game).tolist())  # no step was taken with it


def test_the_primal_is_named_where_it_is_the_primal():
    x, y = Number(1.0), Number(1.0)
    game = Saddle(x, y, lambda x, y, _: -(x() ** 2) + y() * 1e-3, optimizers=sgd((x, y), 1e3, 0.1))
    with pytest.raises(DivergedError, match=r"primal: diverged at step \d+"):
        _play_on(game)


@pytest.mark.parametrize("mode", ["simultaneous", "alternating", "extragradient", "optimistic"])
def test_a_player_that_is_large_without_a_number_that_is_not_finite_has_run_away(mode):
    x, y = Number(3.0), Number(1.0)
    game = Saddle(x, y, lambda x, y, _: x().sin() + 1e-3 * y().cos(), mode, optimizers=sgd((x, y), 1e30, 0.1))
    message = (
        r"primal: diverged at step 1: a parameter of 9.9e\+29, where the largest was 3 when it began; lower .*1e\+30"
    )
    with pytest.raises(DivergedError, match=message if mode != "extragradient" else r"primal: diverged at step 1: "):
        game.step(None)


def test_a_player_that_outgrows_the_other_is_named_where_the_other_has_the_gradient():
    x, y = Number(1.0), Number(1.0)
    game = Saddle(x, y, lambda x, y, _: (1 + x() * y()) ** 200, optimizers=sgd((x, y), 1e-60, 1e-50))
    with pytest.raises(DivergedError, match=r"dual: diverged at step \d+: "):
        _play_on(game)


def test_a_batch_that_is_not_finite_is_named_and_moves_nobody():
    game = regression()
    x, y, z = batches(1)[0]
    before = state(game)
    y[3] = math.nan
    with pytest.raises(DivergedError, match="batch: a value that is not finite at step 1; neither player has moved"):
        game.step((x, y, z))
    assert same(before, state(game))


@pytest.mark.parametrize("clip", [None, 0.5])
def test_the_dual_climbs_where_its_gradients_share_memory(clip):
    """Of a sum of two parameters both have one tensor for a gradient; that of a sum over entries is one number."""

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))

    for objective in (
        lambda x, u, _: ((u.a + u.b) * torch.ones(2)).sum() * x.value,
        lambda x, u, _: (u.a.sum() + u.b.sum()) * x.value,
    ):
        x, u = Number(1.0), Two()
        game = Saddle(x, u, objective, optimizers=[torch.optim.SGD(p.parameters(), lr=0.5) for p in (x, u)], clip=clip)
        turn = game.step(None)
        moved = 0.5 if clip is None else 0.5 * clip / turn.dual_gradient
        assert turn.dual_gradient == pytest.approx(2.0)
        torch.testing.assert_close(torch.cat([u.a, u.b]).detach(), torch.full((4,), moved))


def test_frozen_parameters_stay():
    game_parts = regression()
    f, u = game_parts.primal, game_parts.dual
    f[0].weight.requires_grad_(False)
    game = Saddle(f, u, projected_residual)
    before = f[0].weight.clone()
    game.step(batches(1)[0])
    assert torch.equal(before, f[0].weight)
    assert f[0].weight.grad is None
