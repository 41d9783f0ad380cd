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
#: A player so many times as large as it began (and as 1) has left; of two the one that left first runs away.
_LEFT = 10.0
#: One so many times as large runs away step by step, as with Adam, whose steps are no longer than its rate, if for
#: twenty steps the gradients, over those where all began, times how much it has grown were more than this, which no
#: choice of units explains. Where the larger grows more than so many times in twenty steps, all ends soon anyway.
_AWAY, _TOGETHER, _FAST = 1e3, 1e12, 1.6
#: Up to this step sizes are looked at after every turn.
_EVERY_TURN = 2
#: Steps between two looks at the players' sizes; the first looks come sooner.
_SIZES_EVERY = 20


def sizes_due(step: int) -> bool:
    """Whether it is time to look at the players' sizes after a step (from 1): 1, 2, 4, 8, 16, and every twentieth."""
    return step % _SIZES_EVERY == 0 or (step & (step - 1) == 0)


def check_sizes(
    step: int,
    players: Sequence[Player],
    seen: Callable[[], Mapping[str, Sequence[float]]],
    start: float,
    *,
    in_turn: bool,
) -> None:
    """Refuse players that have run away without a number that is not finite, and note who has left.

    Args:
        step: Number of the step that they have just taken, from 1.
        players: Who plays, in the order of their moves.
        seen: Gives the norms of each player's gradients in all steps before, by its name.
        start: Norm of the gradients where all began.
        in_turn: Whether each answers the move before.

    Raises:
        DivergedError: Naming the player that has left first.
    """
    growth = _note(step, players, in_turn=in_turn)
    away = [k for k, player in enumerate(players) if not growth[k] <= _largest(step, player)]
    if step % _SIZES_EVERY == 0:
        steady = max(growth) <= _FAST * max(player.grown for player in players)
        for player, times in zip(players, growth, strict=True):
            player.grown = times
        if not away and steady and start > 0 and max(growth) > _AWAY:
            steep = _lately(list(seen().values())) / start
            away = [k for k, times in enumerate(growth) if times > max(_AWAY, _TOGETHER / steep)] if steep > 0 else []
    if not away:
        return
    worst = _first_to_leave(players) or players[away[0]]
    message = (
        f"{worst.name}: diverged at step {step}: a parameter of {worst.size():.3g}, where the largest was "
        f"{worst.began:.3g} when it began{_told(seen()[worst.name], 'a gradient ')}; {_way_out(worst)}"
    )
    raise DivergedError(message)


def _note(step: int, players: Sequence[Player], *, in_turn: bool) -> list[float]:
    """How much each has grown; who has left is noted with the step, and who is back no more."""
    growth = [player.growth() for player in players]
    for k, (player, times) in enumerate(zip(players, growth, strict=True)):
        if times <= _LEFT:
            player.left = None
        elif player.left is None:  # of two in one turn the first to move; of two in several, who had grown most
            player.left = step, k if in_turn and step <= _EVERY_TURN else (-math.inf if math.isnan(times) else -times)
    return growth


def _first_to_leave(players: Sequence[Player]) -> Player | None:
    """Who left at the earliest look."""
    gone = [(player.left, k) for k, player in enumerate(players) if player.left is not None]
    return players[min(gone)[1]] if gone else None


def _lately(norms: Sequence[Sequence[float]]) -> float:
    """The least norm of all gradients as one, of the last twenty steps; 0 before there are so many."""
    rows = list(zip(*(each[-_SIZES_EVERY:] for each in norms), strict=True))
    return min(math.hypot(*row) for row in rows) if len(rows) == _SIZES_EVERY else 0.0


def _largest(step: int, player: Player) -> float:
    if step <= _SOON:
        return _THROWN
    return max(_SQUARES, math.sqrt(max(torch.finfo(p.dtype).max for p in player.parameters)))


def diverged(
    step: int,
    value: float,
    norms: Sequence[float],
    *,
    looked: Sequence[Player],
    players: Sequence[Player],
    seen: Mapping[str, Sequence[float]],
    batch: Any,
    in_turn: bool,
) -> DivergedError:
    """The error of a step whose numbers are not finite: it names the batch, or the player.

    The player that left first is named. If none had, and both gradients went in one step, that of the player is named
    which has grown more since the first steps.

    Args:
        step: Number of the step, from 1.
        value: The objective.
        norms: Of the gradients.
        looked: Whose gradients they are.
        players: Who plays, in the order of their moves.
        seen: Norms of each player's gradients in all steps before, by its name.
        batch: What the objective was given.
        in_turn: Whether each player answers the move before.
    """
    if any(isinstance(leaf, Tensor) and not _finite(leaf) for leaf in pytree.tree_leaves(batch)):
        message = f"batch: a value that is not finite at step {step}; neither player has moved"
        return DivergedError(message)
    bad = [k for k, norm in enumerate(norms) if not math.isfinite(norm)] or range(len(looked))
    _note(step, players, in_turn=in_turn)
    worst = _first_to_leave(players) or looked[max(bad, key=lambda k: _growth(seen[looked[k].name]))]
    gradient = f", gradient of norm {norms[looked.index(worst)]:.3g}" if worst in looked else ""
    message = (
        f"{worst.name}: diverged at step {step}: objective {value:.3g}{gradient}{_told(seen[worst.name])}; "
        f"{_way_out(worst)}"
    )
    return DivergedError(message)


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
