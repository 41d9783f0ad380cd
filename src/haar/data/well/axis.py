"""One axis of a grid: where its points lie, how far apart, and what holds at its two ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float

from haar.data.well.boundary import BoundaryType
from haar.errors import ArgumentError, check_count

CENTRINGS = ("cell", "node", "periodic-node", "chebyshev", "unknown")
_OPEN = (BoundaryType.OPEN, BoundaryType.OPEN)
_EPS32 = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Axis:
    """One axis of a grid.

    Centring says where the points lie in the domain: ``"cell"`` x_i = (i + 1/2) L/N; ``"node"`` both ends are stored;
    ``"periodic-node"`` x_i = i L/N, the end is not stored again; ``"chebyshev"`` the points cos(pi (i + 1/2)/N) or
    cos(pi i/(N - 1)); ``"unknown"`` where the coordinates do not tell. A reversal of the axis is a plain flip
    for all but ``"periodic-node"``, where it is a flip and a roll by one.

    Args:
        name: Name of the axis, such as ``"x"``.
        coordinates: The points, in the units of the file, float64.
        boundary: What holds at the lower and at the upper end.
        centring: Where the points lie, if it is known; None infers it from the coordinates and the boundary.
        sample_varying: The file stores coordinates for every trajectory; these are the first one's.

    Raises:
        ArgumentError: If there is no point, one is not finite, or the centring is not a known word.

    Example:
        >>> axis = Axis.cells("x", 4, length=2.0)
        >>> axis.coordinates.tolist(), axis.spacing, axis.uniform, axis.centring
        ([0.25, 0.75, 1.25, 1.75], 0.5, True, 'cell')
    """

    name: str
    coordinates: Float[np.ndarray, " n"] = field(compare=False, repr=False)
    boundary: tuple[BoundaryType, BoundaryType] = _OPEN
    centring: str | None = None
    sample_varying: bool = False

    def __post_init__(self) -> None:
        points = np.ascontiguousarray(self.coordinates, dtype=np.float64)
        if points.ndim != 1 or points.size == 0:
            raise ArgumentError(f"axis {self.name}", expected="a list of points", got=f"shape {points.shape}")
        if not np.isfinite(points).all():
            raise ArgumentError(f"axis {self.name}", expected="finite coordinates", got="NaN or infinity among them")
        object.__setattr__(self, "coordinates", points)
        if self.centring is None:
            object.__setattr__(self, "centring", _infer(self))
        elif self.centring not in CENTRINGS:
            raise ArgumentError("centring", expected=" or ".join(CENTRINGS), got=repr(self.centring))

    @classmethod
    def cells(
        cls,
        name: str,
        size: int,
        *,
        length: float,
        start: float = 0.0,
        boundary: str | tuple[str, str] = "PERIODIC",
    ) -> Axis:
        """Cell centres start + (i + 1/2) length/size."""
        check_count("size", size)
        return cls(name, start + (np.arange(size) + 0.5) * (length / size), _ends(boundary), "cell")

    @classmethod
    def periodic_nodes(cls, name: str, size: int, *, length: float, start: float = 0.0) -> Axis:
        """Nodes start + i length/size of a periodic axis; the end is not stored again."""
        check_count("size", size)
        return cls(name, start + np.arange(size) * (length / size), _ends("PERIODIC"), "periodic-node")

    @classmethod
    def nodes(
        cls, name: str, size: int, *, length: float, start: float = 0.0, boundary: str | tuple[str, str] = "WALL"
    ) -> Axis:
        """Nodes with both ends stored: start + i length/(size - 1)."""
        check_count("size", size)
        return cls(name, start + np.linspace(0.0, length, size), _ends(boundary), "node")

    @classmethod
    def chebyshev(
        cls, name: str, size: int, *, length: float, start: float = 0.0, boundary: str | tuple[str, str] = "WALL"
    ) -> Axis:
        """The roots of the Chebyshev polynomial of degree `size`, from the lower end to the upper."""
        check_count("size", size)
        roots = -np.cos(np.pi * (np.arange(size) + 0.5) / size)
        return cls(name, start + length * (roots + 1.0) / 2.0, _ends(boundary), "chebyshev")

    @property
    def size(self) -> int:
        """Number of points."""
        return int(self.coordinates.size)

    @property
    def periodic(self) -> bool:
        """The two ends are joined."""
        return all(end is BoundaryType.PERIODIC for end in self.boundary)

    @cached_property
    def spacing(self) -> float:
        """Mean distance of neighbouring points (0 if there is only one point)."""
        if self.size == 1:
            return 0.0
        return float(abs(self.coordinates[-1] - self.coordinates[0]) / (self.size - 1))

    @cached_property
    def length(self) -> float:
        """Extent of the domain: of cells with their outer halves, of a periodic axis the period, else of the points."""
        reach = float(abs(self.coordinates[-1] - self.coordinates[0]))
        open_ended = self.centring == "cell" or (self.periodic and self.centring != "node")
        return reach + self.spacing if open_ended else reach

    @cached_property
    def origin(self) -> float:
        """Where the domain begins: at the lowest point, or half a cell below it."""
        return float(self.coordinates.min()) - (self.spacing / 2 if self.centring == "cell" else 0.0)

    @cached_property
    def uniform(self) -> bool:
        """All neighbours are equally far apart, up to the rounding of a file in single precision."""
        steps = np.abs(np.diff(self.coordinates))
        return bool(np.all(np.abs(steps - self.spacing) <= self._tolerance)) and (self.size == 1 or self.spacing > 0.0)

    @cached_property
    def symmetric(self) -> bool:
        """A flip about the middle maps the points to themselves."""
        sums = self.coordinates + self.coordinates[::-1]
        return bool(np.all(np.abs(sums - sums[0]) <= 2.0 * self._tolerance))

    @property
    def _tolerance(self) -> float:
        return 1e-3 * self.spacing + 4.0 * _EPS32 * float(np.abs(self.coordinates).max())

    def like(self, other: Axis) -> bool:
        """Whether an exchange of the two axes maps the grid to itself: same points (up to an offset) and same ends."""
        if self.size != other.size or self.boundary != other.boundary or self.centring != other.centring:
            return False
        ours, theirs = self.coordinates - self.coordinates[0], other.coordinates - other.coordinates[0]
        return bool(np.all(np.abs(ours - theirs) <= self._tolerance + other._tolerance))


def _ends(boundary: str | tuple[str, str]) -> tuple[BoundaryType, BoundaryType]:
    low, high = (boundary, boundary) if isinstance(boundary, str) else boundary
    kinds = (BoundaryType.parse(low), BoundaryType.parse(high))
    if (kinds[0] is BoundaryType.PERIODIC) != (kinds[1] is BoundaryType.PERIODIC):
        raise ArgumentError("boundary", expected="PERIODIC at both ends or at neither", got=f"{low} and {high}")
    return kinds


def _infer(axis: Axis) -> str:
    """Where the points lie, if the coordinates tell; the domain is taken to begin at 0 or to be centred on 0."""
    points, h, n, tolerance = axis.coordinates, axis.spacing, axis.size, axis._tolerance  # noqa: SLF001
    if n < 3 or points[-1] == points[0]:
        return "unknown"
    if not axis.uniform:
        unit = (2.0 * points - points[0] - points[-1]) / (points[-1] - points[0])
        index = np.arange(n)
        roots = -np.cos(np.pi * (index + 0.5) / n)
        extrema = -np.cos(np.pi * index / (n - 1))
        near = tolerance / (h * n)
        match = any(np.all(np.abs(unit - nodes / nodes[-1]) <= near) for nodes in (roots, extrema))
        return "chebyshev" if match else "unknown"
    start = float(min(points[0], points[-1]))

    def at(place: float) -> bool:
        return abs(start - place) <= max(tolerance, 1e-2 * h)

    if axis.periodic:
        if at(0.0) or at(-n * h / 2.0):
            return "periodic-node"
        return "cell" if at(h / 2.0) or at(-(n - 1) * h / 2.0) else "unknown"
    return "node" if at(0.0) else "cell" if at(h / 2.0) else "unknown"
