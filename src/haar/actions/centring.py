"""Cell- or node-centred: read it off the coordinates of an axis."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.field import Field
from haar.errors import ArgumentError, ShapeError

#: Coordinates in files are float32: they may be off by this much of a spacing.
_TOLERANCE = 1e-3


def centring_of(coordinates: Float[Tensor, " n"], *, start: float = 0.0, end: float | None = None) -> str:
    """How to reverse an axis: ``"cell"`` (a flip) or ``"node"`` (about the first node), see `Field`.

    Args:
        coordinates: Coordinates of the points along one axis, increasing.
        start: Where the domain starts.
        end: Where it ends; by default one spacing times the number of points after the start (a periodic axis that
            stores every point once). An axis that is symmetric about the middle of its domain is reversed by a flip,
            whatever its spacing: cells, closed grids of nodes, Chebyshev points.

    Raises:
        ShapeError: If there are fewer than 2 coordinates.
        ArgumentError: If they do not increase, or are neither cells nor nodes of the domain.

    Example:
        >>> import torch
        >>> centring_of(torch.arange(4.0)), centring_of(torch.arange(4.0) + 0.5)
        ('node', 'cell')
        >>> centring_of(torch.arange(5.0), end=4.0)
        'cell'
    """
    if len(coordinates) < 2:
        raise ShapeError("coordinates", expected="at least 2 points", got=len(coordinates))
    points = coordinates.to(torch.float64)
    steps = points.diff()
    if bool((steps <= 0).any()):
        raise ArgumentError("coordinates", expected="increasing numbers", got="numbers that repeat or fall")
    spacing = float(steps.mean())
    stop = start + spacing * len(points) if end is None else end
    if float((points + points.flip(0) - start - stop).abs().max()) <= _TOLERANCE * spacing:
        return "cell"
    uniform = float((steps - spacing).abs().max()) <= _TOLERANCE * spacing
    at_start = abs(float(points[0]) - start) <= _TOLERANCE * spacing
    if uniform and at_start and abs(stop - float(points[-1]) - spacing) <= 2 * _TOLERANCE * spacing:
        return "node"
    raise ArgumentError(
        "coordinates",
        expected=f"points symmetric about the middle of {start:g} to {stop:g}, or nodes that leave out the end",
        got=f"{float(points[0]):g} to {float(points[-1]):g} with mean spacing {spacing:.3g}",
        way_out="give the domain's start and end; collocate staggered components first",
    )


def check_centring(
    field: Field, *coordinates: Float[Tensor, " n"], start: float = 0.0, end: float | None = None
) -> None:
    """Raise unless the coordinates of every axis are reversed as the field reverses them.

    Args:
        field: The field whose centring was declared.
        coordinates: Coordinates along each of its axes.
        start: Where the domain starts, along every axis.
        end: Where it ends, see `centring_of`.

    Raises:
        ArgumentError: Naming the first axis that is not.

    Example:
        >>> import torch
        >>> from haar.actions import Field, Trivial
        >>> from haar.groups import reflections
        >>> check_centring(Field(Trivial(reflections(1)), centring="cell"), torch.arange(4.0))
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: centring: expected 'node', as the coordinates of axis x are, got 'cell'
    """
    if len(coordinates) != field.dim:
        raise ArgumentError("coordinates", expected=f"one tensor for each of {field.dim} axes", got=len(coordinates))
    for axis, points in enumerate(coordinates):
        found = centring_of(points, start=start, end=end)
        used = field.grid.centrings[axis] if field.periodic[axis] else "cell"
        if found != used:
            raise ArgumentError(
                "centring", expected=f"{found!r}, as the coordinates of axis {'xyz'[axis]} are", got=repr(used)
            )
