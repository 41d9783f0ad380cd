"""Noughts and crosses under the symmetry of the square."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ShapeError
from haar.nn.circuits import BoardCircuit
from haar.systems.quantum.games import random_games
from haar.testing import assert_equivariant
from haar.testing.equivariance import equivariance_error


def test_eight_symmetries_of_the_board() -> None:
    boards, _ = random_games(2, seed=1)
    model, free = BoardCircuit(layers=2), BoardCircuit(layers=2, free=True)
    assert_equivariant(model, model.symmetry, boards)
    assert equivariance_error(free, model.symmetry, boards).absolute > 0.05
    assert equivariance_error(model, model.symmetry, boards).elements == 8


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
