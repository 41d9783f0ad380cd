"""Which player runs away, and when."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from haar.saddle.player import Player
from haar.training import DivergedError

#: The first steps, whose gradients later ones are compared with.
_FIRST = 5
#: A player whose gradient is so many times that of the first steps has begun to run away.
_GROWN = 100.0


def diverged(
    step: int,
    value: float,
    norms: Sequence[float],
    *,
    players: Sequence[Player],
    seen: Sequence[Sequence[float]],
    batch: Any,
) -> DivergedError:
    """The error of a step whose numbers are not finite: it names the batch, or the player.

    If both gradients went in one step, that of the player is named which has grown more since the first steps.

    Args:
        step: Number of the step, from 1.
        value: The objective.
        norms: Of the players' gradients.
        players: Who plays.
        seen: Norms of all steps before, for each player.
        batch: What the objective was given.
    """
    if any(isinstance(leaf, Tensor) and not _finite(leaf) for leaf in pytree.tree_leaves(batch)):
        message = f"batch: a value that is not finite at step {step}; neither player has moved"
        return DivergedError(message)
    bad = [k for k, norm in enumerate(norms) if not math.isfinite(norm)] or range(len(players))
    growth = [_growth(seen[k]) for k in range(len(players))]
    worst = max(bad, key=lambda k: growth[k])
    player = players[worst]
    rate = player.optimizer.param_groups[0]["lr"]
    since = _since(seen[worst])
    told = f", having been above {_GROWN:.0f} times that of its first steps since step {since}" if since else ""
    message = (
        f"{player.name}: diverged at step {step}: objective {value:.3g}, gradient of norm {norms[worst]:.3g}{told}; "
        f"lower its learning rate (here {float(rate):.2g}), clip, project=Ball(...), or mode='optimistic'"
    )
    return DivergedError(message)


def _finite(values: Tensor) -> bool:
    return not (values.is_floating_point() or values.is_complex()) or bool(torch.isfinite(values).all())


def _start(seen: Iterable[float]) -> float:
    first = [norm for norm in seen if math.isfinite(norm)][:_FIRST]
    return median(first) if first else math.nan


def _growth(seen: Sequence[float]) -> float:
    """Last gradient over the first ones; 1 where nothing is known."""
    start = _start(seen)
    return seen[-1] / start if start > 0 else 1.0


def _since(seen: Sequence[float]) -> int | None:
    """The first step (from 1) from which on the gradient was large; None if it was not."""
    start, since = _start(seen), None
    for step, norm in enumerate(seen, 1):
        if not norm > _GROWN * start:
            since = None
        elif since is None:
            since = step
    return since
