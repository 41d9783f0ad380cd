"""Groups in words, the same for every command: ``C4``, ``SO3``, ``reflections:2``, ``D4 x shifts:16``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from haar.errors import ArgumentError
from haar.groups.catalogue import (
    axial,
    cyclic,
    dihedral,
    icosahedral,
    inversion,
    octahedral,
    reflections,
    symmetric,
    trivial,
)
from haar.groups.finite import FiniteGroup
from haar.groups.grid import grid_group
from haar.groups.group import Group
from haar.groups.lorentz import LorentzGroup
from haar.groups.rotations import SO, O

#: Names without regard to case, and the group for their number (0 where they have none) and the grid's axes (0: none).
_NAMES: tuple[tuple[str, Callable[[int, int], Group]], ...] = (
    (r"c([0-9]+)", lambda n, dim: axial(full=False) if (n, dim) == (4, 3) else cyclic(n)),
    (r"c4v", lambda *_: axial()),
    (r"d([0-9]+)", lambda n, _: dihedral(n)),
    (r"s([0-9]+)", lambda n, _: symmetric(n)),
    (r"so\(?([0-9]+)\)?", lambda n, _: SO(n)),
    (r"o\(?([0-9]+)\)?", lambda n, _: O(n)),
    (r"oh", lambda *_: octahedral(full=True)),
    (r"o", lambda *_: octahedral()),
    (r"ih", lambda *_: icosahedral(full=True)),
    (r"i", lambda *_: icosahedral()),
    (r"ci|inversion", lambda *_: inversion()),
    (r"reflections:([1-3])", lambda n, _: reflections(n)),
    (r"reflections", lambda _, dim: reflections(dim)),
)
_LARGEST = 2048
_BOOSTED = r"(?:lorentz|so\(1,([1-9])\))(?::([0-9]+\.?[0-9]*))?"
_ANYWHERE = "C4, D4, S3, O, Oh, I, Ih, Ci, C4v, SO3, O3, lorentz or reflections:2"
_ON_GRIDS = {1: "reflections", 2: "C2, C4, D1, D2, D4, reflections", 3: "C4, C4v, O, Oh, reflections"}


def named_group(
    text: str, *, space: Sequence[int] = (), periodic: Sequence[bool] = (), argument: str = "group"
) -> Group:
    """The group that a name means, by itself or on a grid.

    Args:
        text: C4, D6, S3, SO3 or SO(3), O3, O, Oh, I, Ih, Ci (the inversion of space), C4v (the symmetry of a square
            column), reflections:2 (of so many axes), or lorentz, SO(1,3), with boosts up to a rapidity of 1 or, as
            ``lorentz:0.5``, another. On a grid one that moves it, where C4 on three axes turns about
            the last and reflections are those of all axes; or ``shifts`` along the periodic axes, by every cell or by
            every n-th (``shifts:n``); or both joined by ``x``.
        space: Points along every axis of the grid; empty where there is none.
        periodic: Which axes are periodic.
        argument: What the user calls the name, for the message.

    Raises:
        ArgumentError: If a name is unknown, or the group does not fit the grid.

    Example:
        >>> named_group("D4 x shifts:16", space=(64, 64), periodic=(True, True)).order
        128
        >>> named_group("so(3)")
        <RotationGroup SO(3)>
    """
    dim = len(space)
    on_grid = f"auto, {_ON_GRIDS.get(dim, '')}, shifts[:cells], or one of these x shifts[:cells], on {dim} axes"
    refusal = ArgumentError(argument, expected=on_grid if dim else _ANYWHERE, got=repr(text))
    try:
        name, step = _parts(text, dim)
    except ValueError:
        raise refusal from None
    point = _point(name, dim, argument) if name is not None else trivial(dim)
    if point is None:
        raise refusal
    if not step or not isinstance(point, FiniteGroup):
        return point
    if not any(periodic):
        raise ArgumentError(argument, expected="no shifts on a grid without a periodic axis", got=repr(text))
    try:
        return grid_group(point, tuple(space), step=step, periodic=list(periodic))
    except ArgumentError as error:
        raise ArgumentError(
            argument, expected=f"{error.argument}: {error.expected}", got=repr(text), way_out=error.way_out
        ) from error


def _parts(text: str, dim: int) -> tuple[str | None, int]:
    """The name of a point group, and the cells of a shift; None and 0 where there is none."""
    name, step = None, 0
    for word in re.split(r"\s+x\s+|\*", text.strip().lower()):
        shifts = re.fullmatch(r"\s*shifts(?::([0-9]{1,9}))?\s*", word) if dim else None
        if shifts is None and name is None:
            name = word.strip()
        elif shifts is not None and not step and int(shifts[1] or 1):
            step = int(shifts[1] or 1)
        else:
            raise ValueError
    return name, step


def _point(word: str, dim: int, argument: str) -> Group | None:
    """A group without shifts; None for a name that is not known, or for a group that does not move the grid."""
    if dim and word not in (*_ON_GRIDS[dim].lower().split(", "), f"reflections:{dim}"):
        return None
    boosted = re.fullmatch(_BOOSTED, word)
    if boosted is not None:
        rapidity = 1.0 if boosted[2] is None else float(boosted[2])
        return LorentzGroup(int(boosted[1] or 3), rapidity=rapidity) if rapidity > 0 else None
    for pattern, make in _NAMES:
        found = re.fullmatch(pattern, word)
        if found is None:
            continue
        number = int(found[1][:9]) if found.groups() else 0
        if number > _LARGEST:
            raise ArgumentError(argument, expected=f"a group whose number is at most {_LARGEST}", got=word)
        needs = number if found.groups() else dim or word != "reflections"
        return make(number, dim) if needs else None
    return None
