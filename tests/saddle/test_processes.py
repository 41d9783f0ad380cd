"""Two processes play as one does on both halves of every batch; players that begin apart are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from saddle_games import batches, regression, state

from haar.errors import ArgumentError
from haar.saddle import Saddle

MODES = "simultaneous", "optimistic"


def _play(rank, folder):
    for mode in MODES:
        game = regression(mode, clip=0.5)
        if mode == "optimistic":  # wrapped, as a user has them
            parallel, optimizers = torch.nn.parallel.DistributedDataParallel, [p.optimizer for p in game.players]
            players = parallel(game.primal), parallel(game.dual)
            game = Saddle(*players, game.objective, mode, optimizers=optimizers, clip=0.5)
        for x, y, z in batches(6):
            half = slice(8 * rank, 8 * rank + 8)
            game.step((x[half], y[half], z[half]))
        torch.save([state(game), [turn.objective for turn in game.history]], f"{folder}/{mode}-{rank}.pt")
    message = ""
    try:
        regression(seed=rank).step(batches(1)[0])
    except ArgumentError as error:
        message = str(error)
    Path(folder, f"{rank}.txt").write_text(message)


@pytest.mark.filterwarnings("ignore::UserWarning")  # gloo speaks of host names that it cannot resolve
def test_two_processes_play_as_one_and_players_that_begin_apart_are_refused(in_processes, tmp_path):
    in_processes(2, _play)
    for mode in MODES:
        alone = regression(mode, clip=0.5)
        for batch in batches(6):
            alone.step(batch)
        found = [torch.load(tmp_path / f"{mode}-{rank}.pt", weights_only=True) for rank in (0, 1)]
        for parameters, objectives in found:
            for one, other in zip(parameters, state(alone), strict=True):
                assert torch.allclose(one, other, rtol=1e-10, atol=1e-12)
            assert objectives == pytest.approx([turn.objective for turn in alone.history], rel=1e-10)
        assert all(torch.equal(a, b) for a, b in zip(found[0][0], found[1][0], strict=True))
    for rank in (0, 1):
        told = (tmp_path / f"{rank}.txt").read_text()
        assert told.startswith("primal: expected the same parameters on every process, got a largest difference of")
