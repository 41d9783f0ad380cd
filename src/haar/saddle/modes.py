"""Four ways of taking a turn: at once, one after the other, looking ahead, and with a memory of the step before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from haar.errors import ArgumentError
from haar.saddle.player import Player

#: Computes the gradients of the objective where all stand, and hands them to the players that are named.
Look = Callable[[Sequence[Player]], None]


def simultaneous(players: Sequence[Player], look: Look) -> None:
    """All move from one point."""
    look(players)
    for player in players:
        player.step()


def optimistic(players: Sequence[Player], look: Look) -> None:
    """All move from one point, twice the step less the step before."""
    look(players)
    for player in players:
        player.optimistic_step()


def extragradient(players: Sequence[Player], look: Look) -> None:
    """All look a step ahead, and move from where they stood with the gradients found there.

    An optimiser with moments takes both steps into them.
    """
    look(players)
    for player in players:
        player.look_ahead()
    look(players)
    for player in players:
        player.step_from_before()


_RULES: Mapping[str, Callable[[Sequence[Player], Look], None]] = {
    "simultaneous": simultaneous,
    "alternating": simultaneous,
    "extragradient": extragradient,
    "optimistic": optimistic,
}
#: The ways of taking a turn.
MODES = tuple(_RULES)


def check_mode(mode: str) -> None:
    """Refuse an unknown mode.

    Raises:
        ArgumentError: If it is none of `MODES`.
    """
    if mode not in MODES:
        raise ArgumentError("mode", expected=f"one of {', '.join(MODES)}", got=repr(mode))


def take_turn(mode: str, primal: Player, dual: Player, dual_steps: int, look: Look) -> None:
    """Move both players once, and the dual so many times.

    In mode ``"alternating"`` all steps of the dual come first and the primal answers the new dual. In the others the
    last step of the dual and that of the primal are taken from one point.

    Args:
        mode: One of `MODES`.
        primal: Goes down.
        dual: Goes up.
        dual_steps: How often it does.
        look: Gives gradients.
    """
    rule = _RULES[mode]
    together = mode != "alternating"
    for _ in range(dual_steps - together):
        rule((dual,), look)
    rule((primal, dual) if together else (primal,), look)
