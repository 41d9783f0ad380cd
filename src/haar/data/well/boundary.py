"""What holds at the edges of the domain: a wall, an open end, or the other side again."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Shaped

from haar.errors import ArgumentError, DataError


class BoundaryType(enum.IntEnum):
    """The Well's three boundary types, with its codes.

    Example:
        >>> BoundaryType.parse("periodic")
        <BoundaryType.PERIODIC: 2>
    """

    WALL = 0
    OPEN = 1
    PERIODIC = 2

    @classmethod
    def parse(cls, text: str | BoundaryType) -> BoundaryType:
        """Read a name in either case (files hold both).

        Raises:
            ArgumentError: If it is none of the three.
        """
        if isinstance(text, BoundaryType):
            return text
        if text.upper() not in cls.__members__:
            raise ArgumentError("boundary", expected="'WALL', 'OPEN' or 'PERIODIC'", got=repr(text))
        return cls[text.upper()]


@dataclass(frozen=True)
class Boundary:
    """One entry of the group ``boundary_conditions``.

    Args:
        name: Its name in the file, for example ``"x_periodic"``.
        kind: WALL, OPEN or PERIODIC.
        dims: The axes that the mask extends over.
        mask: True where the boundary is, shape: the sizes of `dims` (a leading axis of trajectories, then of steps,
            where it varies).
        fields: The fields that `values` belong to, if any.
        values: Values at the True points of the mask, in its order; None if none are prescribed.
        sample_varying: The mask has an axis of trajectories.
        time_varying: The mask has an axis of time steps.
    """

    name: str
    kind: BoundaryType
    dims: tuple[str, ...]
    mask: Shaped[np.ndarray, "..."] = field(compare=False, repr=False)
    fields: tuple[str, ...] = ()
    values: Shaped[np.ndarray, "..."] | None = field(default=None, compare=False, repr=False)
    sample_varying: bool = False
    time_varying: bool = False


@dataclass(frozen=True)
class EdgeMarks:
    """Where one boundary touches the two ends of its axes: what its mask says, reduced to an edge.

    Args:
        name: Name of the boundary.
        kind: Type of the boundary, as the file names it.
        touched: For every axis of the boundary, (lower end, upper end).
    """

    name: str
    kind: BoundaryType
    touched: Mapping[str, tuple[bool, bool]]


def ends(marks: Iterable[EdgeMarks], axes: Sequence[str], path: str) -> dict[str, tuple[BoundaryType, BoundaryType]]:
    """The boundary type at both ends of every axis.

    An end that nothing is said about is OPEN, as in The Well's own reader. A PERIODIC boundary joins the two ends of
    its axis, so it holds at both, whichever of them its mask marks.

    Args:
        marks: Every boundary of the file.
        axes: Names of the axes.
        path: The file, for messages.

    Raises:
        DataError: If an axis is periodic and something else at the same time.

    Example:
        >>> ends([EdgeMarks("x_wall", BoundaryType.WALL, {"x": (True, False)})], ["x"], "run.hdf5")
        {'x': (<BoundaryType.WALL: 0>, <BoundaryType.OPEN: 1>)}
    """
    found = {axis: [BoundaryType.OPEN, BoundaryType.OPEN] for axis in axes}
    said: dict[tuple[str, int], EdgeMarks] = {}
    for mark in marks:
        for axis, touched in mark.touched.items():
            for end in (0, 1):
                if not (touched[end] or mark.kind is BoundaryType.PERIODIC):
                    continue
                before = said.setdefault((axis, end), mark)
                if (before.kind is BoundaryType.PERIODIC) != (mark.kind is BoundaryType.PERIODIC):
                    raise DataError(
                        f"{path}: the axis {axis} is {before.kind.name} by the boundary {before.name} and "
                        f"{mark.kind.name} by {mark.name}; a periodic axis has no other boundary"
                    )
                found[axis][end] = mark.kind
    return {axis: (low, high) for axis, (low, high) in found.items()}


def edge_boundaries(name: str, size: int, kinds: tuple[BoundaryType, BoundaryType]) -> list[Boundary]:
    """The entries that say what holds at the two ends of one axis.

    Args:
        name: Name of the axis.
        size: Number of points of the axis.
        kinds: Boundary type at the lower and the upper end.

    Returns:
        One entry where both ends are alike, two otherwise.

    Example:
        >>> [b.name for b in edge_boundaries("y", 8, (BoundaryType.WALL, BoundaryType.OPEN))]
        ['y_wall', 'y_open']
    """
    made = []
    for kind in dict.fromkeys(kinds):
        mask = np.zeros(size, dtype=bool)
        mask[0] |= kinds[0] is kind
        mask[-1] |= kinds[1] is kind
        made.append(Boundary(f"{name}_{kind.name.lower()}", kind, (name,), mask))
    return made
