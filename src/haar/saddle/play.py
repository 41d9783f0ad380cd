"""A whole game: turn k is a function of the state and of (seed, k), so that a killed one ends with the same bits."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch

from haar.errors import check_count
from haar.saddle.game import Saddle
from haar.training import Checkpoint, seed_of
from haar.watch import Unwatched, Watch


def play(
    game: Saddle,
    batches: Callable[[int, torch.Generator], Any],
    steps: int,
    *,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int = 100,
    watch: Watch = Unwatched(),
) -> Saddle:
    """Take all turns of a game, for those who have no loop of their own.

    Args:
        game: The game.
        batches: From a step and a generator, seeded for this step, to its batch.
        steps: Number of turns, those that the game has taken already among them.
        seed: Seed of every draw; layers that draw from torch's global generator on the CPU find it seeded too, and it
            is put back in the end.
        checkpoint: A file to resume from and to write to; the result is the same, bit for bit, as without interruption.
        every: Steps between checkpoints.
        watch: Told of every step.

    Returns:
        The game.

    Raises:
        ArgumentError: If a number is out of range, or the checkpoint is another run's.
        DivergedError: If a player diverges.
        DataError: If the checkpoint cannot be read.

    Example:
        >>> from torch import nn
        >>> f, u = nn.Linear(1, 1), nn.Linear(1, 1)
        >>> def objective(f, u, x):
        ...     return ((f(x) - 3 * x) * u(x) - u(x).square() / 2).mean()
        >>> rates = [torch.optim.SGD(player.parameters(), lr=0.2) for player in (f, u)]
        >>> game = Saddle(f, u, objective, optimizers=rates)
        >>> _ = play(game, lambda step, generator: torch.randn(64, 1, generator=generator), 400)
        >>> round(f.weight.item(), 3)
        3.0
    """
    check_count("steps", steps)
    check_count("every", every)
    kept = Checkpoint(checkpoint, {"game": game}, run={"seed": seed, "steps": steps})
    if game.taken == 0:
        kept.load({})
    left = range(game.taken, steps)
    generator = torch.Generator()
    with torch.random.fork_rng(devices=[]), watch.stage("playing", len(left)) as tell:
        for step in left:
            generator.manual_seed(seed_of(seed, step))
            torch.default_generator.manual_seed(seed_of(seed, step))
            game.step(batches(step, generator))
            if (step + 1) % every == 0 or step + 1 == steps:
                kept.save({}, {})
            tell()
    return game
