"""What each way of taking a turn does to the bilinear game, step by step, and against steps written by hand."""

from __future__ import annotations

import math

import pytest
import torch
from saddle_games import F64, Number, batches, bilinear, point, projected_residual, regression, same, sgd, state

from haar.errors import ArgumentError
from haar.saddle import MODES, Saddle


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_simultaneous_steps_grow_by_the_same_factor_in_every_step(rate):
    game = bilinear("simultaneous", rate)
    for _ in range(50):
        before = point(game).norm()
        game.step(None)
        assert float(point(game).norm() / before) == pytest.approx(math.sqrt(1 + rate**2), rel=1e-12)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.7])
def test_extragradient_contracts_by_its_own(rate):
    game = bilinear("extragradient", rate)
    for _ in range(50):
        before = point(game).norm()
        game.step(None)
        assert float(point(game).norm() / before) == pytest.approx(math.sqrt(1 - rate**2 + rate**4), rel=1e-12)


@pytest.mark.parametrize(("rate", "arrives"), [(0.1, True), (0.45, True), (0.6, False)])
def test_optimistic_steps_contract_below_a_half(rate, arrives):
    game = bilinear("optimistic", rate)
    for _ in range(1500):
        game.step(None)
    assert (float(point(game).norm()) < 1e-3) is arrives


def test_alternating_steps_circle():
    game, sizes = bilinear("alternating", 0.1), []
    for _ in range(1000):
        game.step(None)
        sizes.append(float(point(game).norm()))
    assert 0.9 < min(sizes) / math.hypot(1, 0.5) < max(sizes) / math.hypot(1, 0.5) < 1.1


def test_optimistic_steps_are_those_of_the_formula():
    game, rate = bilinear("optimistic", 0.2), 0.2
    z, last = point(game), None
    for _ in range(20):
        game.step(None)
        field = torch.stack([z[1], -z[0]])
        z = z - rate * field if last is None else z - 2 * rate * field + rate * last
        last = field
        assert torch.allclose(point(game), z, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("steps", [10, 100, 1000])
def test_the_mean_of_plain_iterates_is_near_the_saddle_although_the_last_one_is_not(steps):
    game = bilinear("simultaneous", steps**-0.5)
    start, total = point(game), torch.zeros(2, dtype=F64)
    for _ in range(steps):
        total += point(game)
        game.step(None)
    mean = float((total / steps).norm())
    assert mean == pytest.approx(float((point(game) - start).norm()) / steps**0.5, rel=1e-9)
    assert mean <= (1 + math.exp(0.5)) * float(start.norm()) / steps**0.5
    assert float(point(game).norm()) > float(start.norm())


def _by_hand(mode, dual_steps, rates, turns):
    """The steps of min x max y of x^2 / 2 + x y - y^2 / 2, in plain numbers."""
    (x, y), (a, b) = (1.0, 0.5), rates

    def gradient(x, y):
        return x + y, x - y

    for _ in range(turns):
        if mode == "simultaneous":
            for _ in range(dual_steps - 1):
                y += b * gradient(x, y)[1]
            down, up = gradient(x, y)
            x, y = x - a * down, y + b * up
        elif mode == "alternating":
            for _ in range(dual_steps):
                y += b * gradient(x, y)[1]
            x -= a * gradient(x, y)[0]
        else:
            for _ in range(dual_steps - 1):
                ahead = y + b * gradient(x, y)[1]
                y += b * gradient(x, ahead)[1]
            down, up = gradient(x, y)
            down, up = gradient(x - a * down, y + b * up)
            x, y = x - a * down, y + b * up
    return x, y


@pytest.mark.parametrize("dual_steps", [1, 3])
@pytest.mark.parametrize("mode", ["simultaneous", "alternating", "extragradient"])
def test_steps_are_those_worked_out_by_hand(mode, dual_steps):
    players = Number(1.0), Number(0.5)
    game = Saddle(
        *players,
        lambda x, y, _: x() ** 2 / 2 + x() * y() - y() ** 2 / 2,
        mode,
        optimizers=sgd(players, 0.1, 0.2),
        dual_steps=dual_steps,
    )
    for _ in range(4):
        game.step(None)
    assert point(game).tolist() == pytest.approx(_by_hand(mode, dual_steps, (0.1, 0.2), 4), rel=1e-13)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_finds_the_saddle_of_a_strongly_monotone_game(mode):
    players = Number(1.0), Number(0.5)
    game = Saddle(
        *players,
        lambda x, y, _: (x() - 3) ** 2 / 2 + x() * y() - y() ** 2 / 2,
        mode,
        optimizers=sgd(players, 0.1, 0.1),
    )
    for _ in range(600):
        game.step(None)
    assert point(game).tolist() == pytest.approx([1.5, 1.5], abs=1e-12)


def test_simultaneous_and_alternating_part_with_the_first_step_of_the_primal():
    one, other = regression("simultaneous"), regression("alternating")
    given = batches(2)
    for game in (one, other):
        game.step(given[0])
    assert same(list(one.dual.parameters()), list(other.dual.parameters()))  # both saw the first primal
    assert not same(list(one.primal.parameters()), list(other.primal.parameters()))
    for game in (one, other):
        game.step(given[1])
    assert not same(list(one.dual.parameters()), list(other.dual.parameters()))


def test_a_simultaneous_step_is_the_one_that_torch_takes_by_hand():
    game, by_hand = regression(), regression()
    optimizers = [player.optimizer for player in by_hand.players]
    for batch in batches(5):
        game.step(batch)
        for optimizer in optimizers:
            optimizer.zero_grad()
        projected_residual(by_hand.primal, by_hand.dual, batch).backward()
        for p in by_hand.dual.parameters():
            p.grad = -p.grad
        for optimizer in optimizers:
            optimizer.step()
    assert same(state(game), state(by_hand))


def test_unknown_modes_are_refused():
    with pytest.raises(ArgumentError, match="mode: expected one of simultaneous, alternating, extragradient, opt"):
        bilinear("both", 0.1)
