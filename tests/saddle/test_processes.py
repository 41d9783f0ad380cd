"""Two processes play as one does on both halves of every batch; players that begin apart are refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from saddle_games import batches, regression, state

from haar.errors import ArgumentError
from haar.saddle import Saddle


def _play(rank, folder, mode):
    sys.path.insert(0, str(Path(__file__).parent))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    game = regression(mode, clip=0.5)
    if mode == "optimistic":  # wrapped, as a user has them
        parallel = torch.nn.parallel.DistributedDataParallel
        optimizers = [player.optimizer for player in game.players]
        game = Saddle(parallel(game.primal), parallel(game.dual), game.objective, mode, optimizers=optimizers, clip=0.5)
    for x, y, z in batches(6):
        half = slice(8 * rank, 8 * rank + 8)
        game.step((x[half], y[half], z[half]))
    torch.save([state(game), [turn.objective for turn in game.history]], f"{folder}/{rank}.pt")
    message = ""
    try:
        regression(seed=rank).step(batches(1)[0])
    except ArgumentError as error:
        message = str(error)
    Path(folder, f"{rank}.txt").write_text(message)
    dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore::UserWarning")  # gloo speaks of host names that it cannot resolve
@pytest.mark.parametrize("mode", ["simultaneous", "optimistic"])
def test_two_processes_play_as_one(tmp_path, mode):
    torch.multiprocessing.spawn(_play, args=(str(tmp_path), mode), nprocs=2)
    alone = regression(mode, clip=0.5)
    for batch in batches(6):
        alone.step(batch)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    for parameters, objectives in found:
        for one, other in zip(parameters, state(alone), strict=True):
            assert torch.allclose(one, other, rtol=1e-10, atol=1e-12)
        assert objectives == pytest.approx([turn.objective for turn in alone.history], rel=1e-10)
    assert all(torch.equal(a, b) for a, b in zip(found[0][0], found[1][0], strict=True))
    for rank in (0, 1):
        told = (tmp_path / f"{rank}.txt").read_text()
        assert told.startswith("primal: expected the same parameters on every process, got a largest difference of")
