"""Players on several processes: they begin alike, and move with the mean of the gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from haar.errors import ArgumentError
from haar.saddle.player import Player

_AVAILABLE = dist.is_available()


def _alone() -> bool:
    return not (_AVAILABLE and dist.is_initialized()) or dist.get_world_size() == 1


def check_alike(players: Sequence[Player]) -> None:
    """Refuse players that differ between processes, which no mean of gradients brings together.

    Raises:
        ArgumentError: On every process, naming the player.
    """
    if _alone():
        return
    for player in players:
        own = torch.cat([p.detach().reshape(-1) for p in player.parameters])
        greatest, least = own.clone(), own.clone()
        dist.all_reduce(greatest, dist.ReduceOp.MAX)
        dist.all_reduce(least, dist.ReduceOp.MIN)
        if not torch.equal(greatest, least):
            raise ArgumentError(
                player.name,
                expected="the same parameters on every process",
                got=f"a largest difference of {float((greatest - least).abs().max()):.2g}",
                way_out="seed alike before it is made, or wrap it in DistributedDataParallel",
            )


def mean_over_processes(
    gradients: list[Sequence[Tensor | None]], value: Tensor
) -> tuple[list[Sequence[Tensor | None]], Tensor]:
    """Gradients and objective as means over processes, in one exchange; as they are on a single one."""
    if _alone():
        return gradients, value
    there = [gradient for each in gradients for gradient in each if gradient is not None]
    row = torch.cat([*(gradient.reshape(-1) for gradient in there), value.reshape(1).to(there[0])])
    dist.all_reduce(row)
    row /= dist.get_world_size()
    parts = iter(row[:-1].split([gradient.numel() for gradient in there]))
    averaged: list[Sequence[Tensor | None]] = [
        [None if gradient is None else next(parts).view(gradient.shape) for gradient in each] for each in gradients
    ]
    return averaged, row[-1].to(value)
