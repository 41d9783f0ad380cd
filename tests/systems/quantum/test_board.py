"""Noughts and crosses under the symmetry of the square."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ShapeError
from haar.systems.quantum import BoardCircuit
from haar.systems.quantum.board import random_games
from haar.testing import assert_equivariant
from haar.testing.equivariance import equivariance_error


def test_eight_symmetries_of_the_board() -> None:
    boards, _ = random_games(2, seed=1)
    model, free = BoardCircuit(layers=2), BoardCircuit(layers=2, free=True)
    assert_equivariant(model, model.symmetry, boards)
    assert equivariance_error(free, model.symmetry, boards).absolute > 0.05
    assert equivariance_error(model, model.symmetry, boards).elements == 8


def test_games_have_the_outcome_they_say() -> None:
    boards, targets = random_games(4, seed=0)
    assert boards.shape == (12, 9)
    for board, target in zip(boards.reshape(-1, 3, 3), targets, strict=True):
        lines = [*board, *board.T, board.diagonal(), board.flip(1).diagonal()]
        won = {1 if float(line.sum()) == 3 else -1 for line in lines if abs(float(line.sum())) == 3}
        expected = {0: {1}, 1: {-1}, 2: set()}[int(target.argmax())]
        assert won == expected
    assert torch.equal(random_games(4, seed=0)[0], boards)


def test_training_lowers_the_loss() -> None:
    boards, targets = random_games(5, seed=0)
    model = BoardCircuit(layers=1)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(15):
        optimiser.zero_grad()
        loss = (model(boards) - targets).square().sum(1).mean()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.2


def test_other_boards_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"x: expected \(batch, 9\), got \(2, 8\)"):
        BoardCircuit()(torch.zeros(2, 8, dtype=torch.float64))
