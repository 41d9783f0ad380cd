"""Which representations layers shall make: noted once where two things meet, or chosen and perhaps noted later."""

from __future__ import annotations

from collections.abc import Mapping

from haar.actions.representation import Representation
from haar.nn.representations import same_representation
from haar.relax.wrapping.feature import Leg, Notes


class Again(Exception):  # noqa: N818 (no error: the walk begins again)
    """Something else is noted for a layer before.

    Args:
        notes: What is asked for, which nobody changes again.
        choices: What others may still change.
    """

    def __init__(self, notes: Notes, choices: Notes) -> None:
        super().__init__()
        self.notes, self.choices = notes, choices


class Noted:
    """What was noted and chosen so far, by the layer's name and the axis.

    Every layer is chosen for at most once and noted at most once: so the walk ends.

    Attributes:
        notes: Representations that steps have asked for.
        choices: Legs that may still be given another representation.
    """

    def __init__(self) -> None:
        self.notes: dict[tuple[str, int], Representation] = {}
        self.choices: dict[tuple[str, int], Representation] = {}

    def asked(self, legs: Mapping[Leg, Representation], *, soft: bool = False) -> Notes | None:
        """What to note for other representations on some legs; None if somebody cannot be asked.

        Args:
            legs: Legs and the representations that are wanted for them.
            soft: Whether it may be changed by others later.
        """
        made: dict[tuple[str, int], Representation] = {}
        for leg, rep in legs.items():
            found = leg.ask(rep) if leg.ask is not None else None
            if found is None:
                return None
            for key, wanted in found.items():
                used = key in self.notes or (soft and key in self.choices)
                if used or not same_representation(made.get(key, wanted), wanted):
                    return None
                made[key] = wanted
        return made

    def again(self, legs: Mapping[Leg, Representation], soft: Mapping[Leg, Representation] | None = None) -> None:
        """Begin again with other representations on some legs, if those who make them can be asked.

        Args:
            legs: What is asked for, which nobody changes again.
            soft: What others may still change.

        Raises:
            Again: If they can.
        """
        notes, choices = self.asked(legs), self.asked(soft or {}, soft=True)
        if notes is not None and choices is not None and (notes or choices):
            raise Again(notes, choices)

    def take(self, again: Again) -> set[str]:
        """Note what was asked for; the names of the layers that it concerns."""
        self.notes.update(again.notes)
        self.choices.update(again.choices)
        return {path for path, _ in (*again.notes, *again.choices)}
