"""Random games of noughts and crosses."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def random_games(count: int, *, seed: int = 0) -> tuple[Float[Tensor, "n fields"], Float[Tensor, "n scores"]]:
    """Boards at the end of random games, equally many won by crosses, by noughts, and drawn.

    Args:
        count: Games of each of the three outcomes.
        seed: Seed of the play.

    Returns:
        Boards (crosses 1, noughts -1, empty 0) and targets: +1 for the outcome (crosses, noughts, draw), else -1.

    Example:
        >>> boards, targets = random_games(2)
        >>> boards.shape, targets.sum(1).int().tolist()
        (torch.Size([6, 9]), [-1, -1, -1, -1, -1, -1])
    """
    source = torch.Generator().manual_seed(seed)
    found: tuple[list[Tensor], ...] = ([], [], [])
    while min(map(len, found)) < count:
        board = torch.zeros(9, dtype=torch.float64)
        outcome = 2
        for turn, place in enumerate(torch.randperm(9, generator=source).tolist()):
            board[place] = 1.0 if turn % 2 == 0 else -1.0
            if _won(board):
                outcome = turn % 2
                break
        if len(found[outcome]) < count:
            found[outcome].append(board)
    targets = -torch.ones(3 * count, 3, dtype=torch.float64)
    for k in range(3):
        targets[k * count : (k + 1) * count, k] = 1.0
    return torch.stack([board for boards in found for board in boards]), targets


def _won(board: Tensor) -> bool:
    square = board.reshape(3, 3)
    lines = torch.cat(
        [square.sum(0), square.sum(1), square.diagonal().sum()[None], square.flip(1).diagonal().sum()[None]]
    )
    return bool((lines.abs() == 3).any())
