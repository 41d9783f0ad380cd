"""Which player runs away, and when."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
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
#: A player so many times as large as it began (and as 1) after its first steps was thrown there by its rate. Later one
#: has run away whose squares are no numbers of its precision.
_THROWN, _SOON, _SQUARES = 1e15, 16, 1e19
#: A player that has grown so many times as much as the other is the one that runs away.
_FAR = 1e3
#: Steps between two looks at the players' sizes; the first looks come sooner.
_SIZES_EVERY = 20


def sizes_due(step: int) -> bool:
    """Whether it is time to look at the players' sizes after a step (from 1): 1, 2, 4, 8, 16, and every twentieth."""
    return step % _SIZES_EVERY == 0 or (step & (step - 1) == 0)


def check_sizes(step: int, players: Sequence[Player], seen: Callable[[], Mapping[str, Sequence[float]]]) -> None:
    """Refuse players that have run away without a number that is not finite.

    Args:
        step: Number of the step that they have just taken, from 1.
        players: Who plays.
        seen: Gives the norms of each player's gradients in all steps before, by its name.

    Raises:
        DivergedError: Naming the player that has grown most.
    """
    growth = [player.growth() for player in players]
    if all(times <= _largest(step, player) for times, player in zip(growth, players, strict=True)):
        return
    worst = players[max(range(len(players)), key=lambda k: math.inf if math.isnan(growth[k]) else growth[k])]
    message = (
        f"{worst.name}: diverged at step {step}: a parameter of {worst.size():.3g}, where the largest was "
        f"{worst.began:.3g} when it began{_told(seen()[worst.name], 'a gradient ')}; {_way_out(worst)}"
    )
    raise DivergedError(message)


def _largest(step: int, player: Player) -> float:
    if step <= _SOON:
        return _THROWN
    return max(_SQUARES, math.sqrt(max(torch.finfo(p.dtype).max for p in player.parameters)))


def diverged(
    step: int,
    value: float,
    norms: Sequence[float],
    *,
    players: Sequence[Player],
    seen: Mapping[str, Sequence[float]],
    batch: Any,
) -> DivergedError:
    """The error of a step whose numbers are not finite: it names the batch, or the player.

    A player that has grown far more than the other is named. Otherwise, if both gradients went in one step, that of the
    player is named which has grown more since the first steps.

    Args:
        step: Number of the step, from 1.
        value: The objective.
        norms: Of the gradients, one for each of the first players.
        players: Who plays; those whose gradients were taken come first.
        seen: Norms of each player's gradients in all steps before, by its name.
        batch: What the objective was given.
    """
    if any(isinstance(leaf, Tensor) and not _finite(leaf) for leaf in pytree.tree_leaves(batch)):
        message = f"batch: a value that is not finite at step {step}; neither player has moved"
        return DivergedError(message)
    looked = players[: len(norms)]
    bad = [k for k, norm in enumerate(norms) if not math.isfinite(norm)] or range(len(looked))
    worst = _outgrown(players) or looked[max(bad, key=lambda k: _growth(seen[looked[k].name]))]
    gradient = f", gradient of norm {norms[players.index(worst)]:.3g}" if worst in looked else ""
    message = (
        f"{worst.name}: diverged at step {step}: objective {value:.3g}{gradient}{_told(seen[worst.name])}; "
        f"{_way_out(worst)}"
    )
    return DivergedError(message)


def _outgrown(players: Sequence[Player]) -> Player | None:
    """The player whose parameters have grown far more than the other's, if there is one."""
    *_, less, most = sorted(players, key=lambda player: player.growth())
    return most if most.growth() > _FAR * max(less.growth(), 1.0) else None


def _told(seen: Sequence[float], what: str = "") -> str:
    since = _since(seen)
    if since is None:
        return ""
    return f", {what}having been above {_GROWN:.0f} times that of its first steps since step {since}"


def _way_out(player: Player) -> str:
    rate = float(player.optimizer.param_groups[0]["lr"])
    return f"lower its learning rate (here {rate:.2g}), clip, project=Ball(...), or mode='optimistic'"


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
