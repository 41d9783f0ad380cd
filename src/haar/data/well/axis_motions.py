"""Which motions of an array are motions of a grid: the one rule for named groups and for those read off metadata."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from haar.data.well.axis import Axis

_EPS32 = float(np.finfo(np.float32).eps)


def reversal_fault(axis: Axis) -> str:
    """Why the reversal of an axis is no motion of the grid; empty where it is one.

    Args:
        axis: The axis. Nodes of a periodic axis are reversed about node 0, all other points by a flip.

    Example:
        >>> reversal_fault(Axis.cells("y", 8, length=1.0, boundary=("WALL", "OPEN")))
        'its two ends differ'
    """
    if axis.boundary[0] != axis.boundary[1]:
        return "its two ends differ"
    if axis.centring != "periodic-node":
        return "" if axis.symmetric else "its points are not symmetric about the middle"
    if not axis.periodic:
        return "its points leave out an end that is not joined to the other"
    return "" if axis.uniform else "its points are not evenly spaced"


def exchange_fault(a: Axis, b: Axis) -> str:
    """Why the exchange of two axes is no motion of the grid; empty where it is one.

    Args:
        a: One of the two axes.
        b: The other: an exchange needs as many points, at the same distances, in the same places of their cells, and
            the same boundaries.

    Example:
        >>> exchange_fault(Axis.cells("x", 8, length=1.0), Axis.periodic_nodes("y", 8, length=1.0))
        'their points lie at cell and at periodic-node'
    """
    if a.size != b.size:
        return f"{a.size} and {b.size} points"
    if abs(a.spacing - b.spacing) > 1e-5 * max(a.spacing, b.spacing) + max(_rounding(a), _rounding(b)):
        return "their spacings differ"
    if a.boundary != b.boundary:
        return "their boundaries differ"
    if a.centring != b.centring:
        return f"their points lie at {a.centring} and at {b.centring}"
    if not a.like(b):
        return "their points differ"
    if a.sample_varying or b.sample_varying:
        return "their points vary from trajectory to trajectory"
    return ""


def shift_fault(axis: Axis) -> str:
    """Why shifts by whole points along an axis are no motions of the grid; empty where they are.

    Args:
        axis: The axis to shift along.

    Example:
        >>> shift_fault(Axis.nodes("x", 8, length=1.0, boundary="PERIODIC"))
        'it stores its first point again at its end'
    """
    if not axis.periodic:
        return "it is not periodic"
    if axis.centring == "node":
        return "it stores its first point again at its end"
    return "" if axis.uniform else "its points are not evenly spaced"


def field_grid(axes: Sequence[Axis]) -> tuple[str | tuple[str, ...], tuple[bool, ...]]:
    """The options ``centring`` and ``periodic`` of `haar.actions.Field` on these axes.

    Args:
        axes: In the order of the arrays.

    Returns:
        The centring of all axes, or where periodic axes differ one for each; and which axes are periodic.

    Example:
        >>> field_grid([Axis.periodic_nodes("x", 8, length=1.0), Axis.cells("y", 8, length=1.0)])
        (('node', 'cell'), (True, True))
    """
    each = tuple("node" if axis.centring == "periodic-node" else "cell" for axis in axes)
    periodic = tuple(axis.periodic for axis in axes)
    # Where an axis is not periodic its reversal is a flip, whatever it is called.
    kinds = {kind for kind, joined in zip(each, periodic, strict=True) if joined}
    return (each if len(kinds) > 1 else next(iter(kinds), "cell")), periodic


def _rounding(axis: Axis) -> float:
    """What storage in single precision does to the mean distance of points."""
    return 4.0 * _EPS32 * float(np.abs(axis.coordinates).max()) / max(axis.size - 1, 1)
