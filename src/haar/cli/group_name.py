"""GROUP on the command line: ``D4``, ``shifts``, ``D4 x shifts:16``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from haar.errors import ArgumentError
from haar.groups import FiniteGroup, axial, cyclic, dihedral, grid_group, octahedral, reflections, trivial

_POINT: dict[int, dict[str, Callable[[], FiniteGroup]]] = {
    1: {"reflections": lambda: reflections(1)},
    2: {
        "C2": lambda: cyclic(2),
        "C4": lambda: cyclic(4),
        "D1": lambda: dihedral(1),
        "D2": lambda: dihedral(2),
        "D4": lambda: dihedral(4),
        "reflections": lambda: reflections(2),
    },
    3: {
        "C4": lambda: axial(full=False),
        "C4v": axial,
        "O": octahedral,
        "Oh": lambda: octahedral(full=True),
        "reflections": lambda: reflections(3),
    },
}


def parse_group(text: str, *, space: Sequence[int], periodic: Sequence[bool]) -> FiniteGroup:
    """The group that a name means on a grid.

    Args:
        text: A point group (in the plane C2, C4, D1, D2, D4, reflections; in space C4, C4v, O, Oh, reflections), or
            ``shifts`` along the periodic axes, by every cell or by every n-th (``shifts:n``), or both joined by ``x``.
        space: Points along every axis.
        periodic: Which axes are periodic.

    Raises:
        ArgumentError: If a name is unknown in this dimension, or the group does not fit the grid.

    Example:
        >>> parse_group("D4 x shifts:16", space=(64, 64), periodic=(True, True)).order
        128
    """
    dim = len(space)
    known = _POINT[dim]
    point: FiniteGroup | None = None
    step: int | None = None
    for part in re.split(r"\s+x\s+|\*", text.strip()):
        name, _, number = part.strip().partition(":")
        match = next((key for key in known if key.lower() == name.lower()), None)
        if match is not None and not number and point is None:
            point = known[match]()
        elif name.lower() == "shifts" and step is None and (not number or (number.isdigit() and int(number) > 0)):
            step = int(number or 1)
        else:
            raise ArgumentError(
                "--group",
                expected=f"auto, {', '.join(known)}, shifts[:cells], or one of these x shifts[:cells], on {dim} axes",
                got=repr(text),
            )
    if step is None:
        return point if point is not None else trivial(dim)
    if not any(periodic):
        raise ArgumentError("--group", expected="no shifts on a grid without a periodic axis", got=repr(text))
    try:
        return grid_group(
            point if point is not None else trivial(dim), tuple(space), step=step, periodic=list(periodic)
        )
    except ArgumentError as error:
        raise ArgumentError(
            "--group", expected=f"{error.argument}: {error.expected}", got=repr(text), way_out=error.way_out
        ) from error
