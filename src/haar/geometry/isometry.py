"""Isometries: how far maps are from leaving a metric alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Representation
from haar.constants import SAME_ENTRY
from haar.errors import ArgumentError
from haar.geometry.curvature import check_points
from haar.geometry.definite import check_metric
from haar.geometry.derivatives import Field
from haar.geometry.embedded import at_once, embedded
from haar.geometry.pullback import pulled_back
from haar.geometry.smooth import check_settled
from haar.seeding import Seed, generator_of

Maps = Representation | Callable[[Tensor], Tensor] | Sequence[Callable[[Tensor], Tensor]]
"""Maps of points to points: a group's linear ones, a map, or several."""

#: Elements of a group that is too large to be gone through.
_DRAWS = 64


@dataclass(frozen=True)
class IsometryDefect:
    """How far maps are from isometries of a metric.

    Attributes:
        total: Root of the mean squared change of the metric over points and maps, relative to the metric.
        of_map: The same for each map, by name.
    """

    total: float
    of_map: Mapping[str, float]

    def __str__(self) -> str:
        """In a line."""
        worst = max(self.of_map, key=lambda name: self.of_map[name])
        told = f"isometry defect {self.total:.3g} over {len(self.of_map)} maps"
        return f"{told}; the worst, {worst}: {self.of_map[worst]:.3g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, with a schema number."""
        return {"schema": 1, "total": self.total, "of_map": dict(self.of_map)}


def isometry_defect(metric: Field, maps: Maps, z: Float[Tensor, "n d"], *, seed: Seed = 0) -> IsometryDefect:
    r"""How far maps are from leaving a metric alone, at points.

    .. math:: \sqrt{E_{z,h} \|h^* g(z) - g(z)\|_F^2 / E_z \|g(z)\|_F^2}, \quad (h^* g)(z) = J^T g(h(z)) J

    Intervals, elements told apart and the noise of a metric come with ``haar.audit(metric, Symmetry(group, Vector(rep),
    Bilinear(rep)), z)``; this is for maps that are not linear, and for a number alone.

    Args:
        metric: What gives a metric at points.
        maps: A representation of a group (every element; 64 random ones of an infinite group), or maps of points, whose
            Jacobians are taken.
        z: Points.
        seed: Of the random elements.

    Raises:
        ArgumentError: If the metric is none at a point or where a map leads, a layer of it mixes points or draws, in
            training mode, or there is no map.

    Example:
        >>> from haar.geometry.spaces import sphere
        >>> z = torch.tensor([[1.0, 0.0], [2.0, 0.5]])
        >>> isometry_defect(sphere, lambda z: z + torch.tensor([0.0, 0.3]), z).total
        0.0
        >>> isometry_defect(sphere, lambda z: z * torch.tensor([1.0, 2.0]), z).total > 1
        True
    """
    points = check_points(z)
    check_settled(metric)
    named = _named(maps, points, seed)
    with torch.no_grad():
        parts = points.split(at_once(metric, points, 4 * points.shape[-1]) if embedded(metric) else len(points))
        g = torch.cat([metric(part) for part in parts])
        check_metric(g, points)
        scale = float(g.square().sum((-2, -1)).mean())
        squares = {}
        for name, one in named.items():
            moved = torch.cat([pulled_back(metric, one, part) for part in parts])
            check_metric(moved, points)
            squares[name] = float((moved - g).square().sum((-2, -1)).mean()) / scale
    total = sum(squares.values()) / len(squares)
    return IsometryDefect(total**0.5, {name: square**0.5 for name, square in squares.items()})


def _named(maps: Maps, points: Tensor, seed: Seed) -> dict[str, Callable[[Tensor], Tensor]]:
    if isinstance(maps, Representation):
        return _linear(maps, points, seed)
    several = list(maps) if isinstance(maps, Sequence) else [maps]
    if not several or not all(callable(one) for one in several):
        raise ArgumentError("maps", expected="a representation, a map of points, or several", got=repr(maps)[:80])
    return {getattr(one, "__name__", "map").strip("<>") + f" {k}": one for k, one in enumerate(several)}


def _linear(rep: Representation, points: Tensor, seed: Seed) -> dict[str, Callable[[Tensor], Tensor]]:
    """The maps of a group's elements but the identity."""
    if rep.dim != points.shape[-1]:
        raise ArgumentError("maps", expected=f"a representation on {points.shape[-1]} coordinates", got=repr(rep))
    group = rep.group
    small = group.is_finite and group.order is not None and group.order <= _DRAWS
    elements = group.elements() if small else group.sample(_DRAWS, generator_of(seed))
    found: dict[str, Callable[[Tensor], Tensor]] = {}
    for element in elements:
        exact = rep.matrix(element)
        matrix = exact.to(points)
        if not small or float((exact - torch.eye(rep.dim).to(exact)).abs().max()) > SAME_ENTRY:
            name = group.describe(element)
            name = f"{name}, draw {len(found)}" if name in found else name  # angles are told in whole degrees
            found[name] = partial(_moved, matrix)
    return found or {"identity": partial(_moved, torch.eye(rep.dim).to(points))}


def _moved(matrix: Tensor, z: Tensor) -> Tensor:
    return z @ matrix.mT
