"""The gradients of an objective by the players' parameters, taken without touching anything else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.saddle.player import Player

_backward = torch.autograd.Variable._execution_engine.run_backward  # noqa: SLF001 (torch.autograd.grad's own)


def scalar(value: Any) -> Tensor:
    """The value of an objective.

    Raises:
        ArgumentError: If it is not one real number in a tensor that depends on a parameter.
    """
    if not isinstance(value, Tensor) or value.numel() != 1:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ArgumentError("objective", expected="a function that gives one number in a tensor", got=got)
    if value.is_complex():
        raise ArgumentError("objective", expected="a real number, which can go down or up", got=str(value.dtype))
    if not value.requires_grad:
        raise ArgumentError("objective", expected="a number that depends on the players", got="a constant")
    return value if value.ndim == 0 else value.reshape(())


def player_gradients(value: Tensor, players: Sequence[Player]) -> list[Sequence[Tensor | None]]:
    """Gradients by each player's parameters; None for a parameter that has no part in the value.

    Raises:
        ArgumentError: If a whole player has none.
    """
    flat = [p for player in players for p in player.parameters]
    # what torch.autograd.grad does, without a look at every parameter, which was taken when the game was made
    found: Sequence[Tensor | None] = _backward(
        (value,), (torch.ones_like(value),), False, False, tuple(flat), True, False
    )
    gradients: list[Sequence[Tensor | None]] = []
    start = 0
    for player in players:
        each = found[start : start + len(player.parameters)]
        gradients.append(each)
        start += len(each)
        if each[0] is None and all(gradient is None for gradient in each):
            raise ArgumentError(
                "objective",
                expected=f"a number that depends on the {player.name}",
                got="none of its parameters in it",
                way_out="compute it with the players that the objective is given, without detach or no_grad",
            )
    return gradients


def read(value: Tensor, gradients: Sequence[Sequence[Tensor | None]]) -> tuple[float, list[float]]:
    """The objective and the norm of each player's gradient as one vector, with one wait for a device."""
    there = [[gradient for gradient in each if gradient is not None] for each in gradients]
    norms = torch._foreach_norm([gradient for each in there for gradient in each])  # noqa: SLF001 (one kernel for all)
    told: list[float]
    if value.is_cpu and all([norm.is_cpu for norm in norms]):  # noqa: C419 (a list is faster); nothing to wait for
        told = [norm.item() for norm in norms]
        found = value.item()
    else:
        place = value.device
        found, *told = torch.stack([value, *(n if n.device == place else n.to(place) for n in norms)]).tolist()
    sizes, start = [], 0
    for each in there:
        end = start + len(each)
        sizes.append(math.hypot(*told[start:end]))
        start = end
    return found, sizes
