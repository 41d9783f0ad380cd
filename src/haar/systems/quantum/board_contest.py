"""Few games, many parameters: the board circuit with and without the symmetry of the square, trained alike."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.nn.circuits.board import BoardCircuit
from haar.systems.quantum.games import random_games
from haar.training import Plan, Run

_VALIDATION = 1_000_003


def board_contest(
    *, free: bool, games: int = 20, test_games: int = 200, layers: int = 4, steps: int = 200, seed: int = 0
) -> dict[str, Any]:
    """Train a `BoardCircuit` by Adam (rate 0.03, batches of 15, sum of squared errors) and play on other games.

    Args:
        free: One parameter a gate, which breaks the symmetry.
        games: Training games of each of the three outcomes.
        test_games: Other games of each outcome.
        layers: Number of layers.
        steps: Steps of training.
        seed: Seed of games, parameters and batches.

    Returns:
        ``train`` and ``test``: the shares of games whose outcome has the largest score; ``right``: for every test game
        1 if so, else 0; ``parameters``.

    Raises:
        ArgumentError: If there are no games or no steps.

    Example:
        >>> found = board_contest(free=False, games=2, test_games=2, layers=1, steps=2)
        >>> found["parameters"], 0 <= found["test"] <= 1
        (9, True)
    """
    if min(games, test_games, steps) < 1:
        raise ArgumentError("games, test_games, steps", expected="at least 1", got=f"{games}, {test_games}, {steps}")
    boards, targets = random_games(games, seed=seed)
    others = random_games(test_games, seed=_VALIDATION + seed)
    model = BoardCircuit(layers=layers, seed=seed, free=free)

    def loss(_: int, generator: torch.Generator) -> Tensor:
        at = torch.randperm(len(boards), generator=generator)[:15]
        value: Tensor = (model(boards[at]) - targets[at]).square().sum()
        return value

    Run(model.parameters(), loss, Plan(steps=steps, learning_rate=0.03), seed=seed).train()
    known, right = _right(model, boards, targets), _right(model, *others)
    shares = {"train": float(known.double().mean()), "test": float(right.double().mean())}
    return {**shares, "right": right.int().tolist(), "parameters": model.parameter_count}


@torch.no_grad()
def _right(model: BoardCircuit, boards: Tensor, targets: Tensor) -> Tensor:
    chosen: Tensor = model(boards).argmax(1)
    return chosen == targets.argmax(1)
