"""Games of noughts and crosses end as they say."""

from __future__ import annotations

import torch

from haar.systems.quantum.games import random_games


def test_games_have_the_outcome_they_say() -> None:
    boards, targets = random_games(4, seed=0)
    assert boards.shape == (12, 9)
    for board, target in zip(boards.reshape(-1, 3, 3), targets, strict=True):
        lines = [*board, *board.T, board.diagonal(), board.flip(1).diagonal()]
        won = {1 if float(line.sum()) == 3 else -1 for line in lines if abs(float(line.sum())) == 3}
        expected = {0: {1}, 1: {-1}, 2: set()}[int(target.argmax())]
        assert won == expected
    assert torch.equal(random_games(4, seed=0)[0], boards)
