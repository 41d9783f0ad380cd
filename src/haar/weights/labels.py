"""How an axis of a parameter is labelled: the site that moves it, by which of the site's ports, and as what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from haar.errors import ArgumentError

_LEG = re.compile(r"(?P<site>[A-Za-z_]\w*)(\.(?P<port>[a-z]\w*))?(?P<dual>\*)?(?P<mark>[+~^])?")
_FORMS = "site, site*, site.port, parts joined by |, with +, ~ or ^ at the end, or None"

Label = str | None


@dataclass(frozen=True)
class Leg:
    """What moves one part of an axis.

    Args:
        site: Name of the site; empty for what no site moves.
        port: By which of the site's representations; empty for its standard one.
        dual: Whether by the inverse transpose.
        mark: ``"+"`` where numbers that are constant along the axis are not seen by the function (a softmax follows),
            ``"~"`` where nothing of this part is seen; ``"^"`` where the size of each unit's numbers is not, for a norm
            over samples follows, so that they are compared by their directions.
    """

    site: str
    port: str = ""
    dual: bool = False
    mark: str = ""

    @property
    def shifts(self) -> bool:
        """Whether something may be added that the function does not see."""
        return self.mark in ("+", "~")

    def __str__(self) -> str:
        return f"{self.site}{'.' if self.port else ''}{self.port}{'*' if self.dual else ''}{self.mark}"


def legs_of(tensor: str, axis: int, label: Label) -> tuple[Leg, ...]:
    """The parts of an axis, one after the other.

    Args:
        tensor: Name of the parameter, for messages.
        axis: Number of the axis, for messages.
        label: Such as ``"units"``, ``"residual*"``, ``"heads.q|heads.k|heads.v"`` or None.

    Raises:
        ArgumentError: If the label cannot be read.

    Example:
        >>> [str(leg) for leg in legs_of("c_attn.weight", 1, "heads.q|heads.k~")]
        ['heads.q', 'heads.k~']
    """
    if label is None:
        return (Leg(""),)
    legs = []
    for part in label.split("|"):
        found = _LEG.fullmatch(part)
        if part == "+":
            legs.append(Leg("", mark="+"))
        elif found is None:
            raise ArgumentError(f"tensors: {tensor}, axis {axis}", expected=_FORMS, got=repr(label))
        else:
            legs.append(Leg(found["site"], found["port"] or "", bool(found["dual"]), found["mark"] or ""))
    return tuple(legs)


def labels_told(labels: Sequence[tuple[Leg, ...]]) -> str:
    """The labels of a tensor's axes, as they are written."""
    return ", ".join("|".join(map(str, legs)) or "None" for legs in labels)
