"""The symmetry of a domain: which motions keep a grid, its spacing and its boundary conditions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch

from haar.actions import FieldSpec, Layout, Symmetry
from haar.data.well.axis import Axis
from haar.data.well.axis_motions import exchange_fault, field_grid, reversal_fault, shift_fault
from haar.data.well.known_symmetries import KnownDataSet, known_data_set
from haar.errors import ArgumentError
from haar.groups import FiniteGroup, grid_group, hyperoctahedral, trivial


@dataclass(frozen=True)
class DomainSymmetry:
    """The motions that a domain and, where it is known, its physics allow.

    Attributes:
        point: The point group: exchanges and reversals of axes.
        shape: Points along every axis.
        periodic: Along which axes shifts are symmetries.
        centring: ``"node"`` if the periodic axes store nodes without the end, else ``"cell"``; where they differ, one
            for each axis.
        joined: Which axes are periodic, whether or not shifts along them are symmetries.
        parities: -1 for pseudo-fields, by name.
        excluded: Why a motion is not among them, one line each.
        remark: What else is known of the data set.
    """

    point: FiniteGroup
    shape: tuple[int, ...]
    periodic: tuple[bool, ...]
    centring: str | tuple[str, ...]
    joined: tuple[bool, ...]
    parities: dict[str, int]
    excluded: tuple[str, ...]
    remark: str

    def group(self, *, step: int | Sequence[int] | None = None) -> FiniteGroup:
        """The point group, or with `step` its product with shifts by that many cells along the periodic axes."""
        if step is None or not any(self.periodic):
            return self.point
        return grid_group(self.point, self.shape, step=step, periodic=self.periodic)

    def symmetry(
        self, fields: str | Iterable[FieldSpec], *, history: int = 1, step: int | Sequence[int] | None = None
    ) -> Symmetry:
        """The symmetry of a surrogate model of these fields on this domain.

        Args:
            fields: In channel order, see `Symmetry.of_fields`; known parities replace the given ones.
            history: Time steps in the model's input.
            step: Smallest shift in cells; None for no shifts.
        """
        layout = Layout.parse(fields, dim=len(self.shape), history=history)
        specs = [replace(f, parity=self.parities.get(f.name, f.parity)) for f in layout.fields]
        group = self.group(step=step)
        return Symmetry.of_fields(group, specs, history=history, centring=self.centring, periodic=self.joined)


def domain_symmetry(
    axes: Sequence[Axis],
    *,
    name: str = "",
    grid_type: str = "cartesian",
    special: Iterable[str] = (),
) -> DomainSymmetry:
    """The symmetry that metadata allow.

    An exchange of axes needs the same number of points, in the same places, and the same boundaries; a reversal the
    same boundary at both ends and points that it maps to themselves; shifts a periodic, evenly spaced axis. What the
    registry knows of the data set is taken off.

    Args:
        axes: The axes in the order of the arrays, as ``WellMetadata.axes``.
        name: Name of the data set, looked up in the registry.
        grid_type: Only cartesian grids have motions of the grid as symmetries.
        special: Names of axes with a preferred direction (gravity, a mean flow).

    Raises:
        ArgumentError: If an axis in `special` is unknown.

    Example:
        >>> from haar.data.well.axis import Axis
        >>> x = Axis.cells("x", 32, length=1.0)
        >>> y = Axis.cells("y", 32, length=1.0, boundary=("WALL", "OPEN"))
        >>> found = domain_symmetry([x, y])
        >>> found.point.order, found.excluded
        (2, ('reversal of y: its two ends differ', 'exchange of x and y: their boundaries differ'))
    """
    names, special = [axis.name for axis in axes], tuple(special)
    unknown = [axis for axis in special if axis not in names]
    if unknown:
        raise ArgumentError("special", expected=f"axes among {', '.join(names)}", got=", ".join(unknown))
    known = known_data_set(name) or KnownDataSet()  # of a data set that is not known nothing is taken off
    excluded: list[str] = []
    if grid_type.lower() != "cartesian":
        excluded.append(f"all motions: the grid is {grid_type}, not cartesian")
        point: FiniteGroup = trivial(len(axes))
        periodic = (False,) * len(axes)
    else:
        fixed = [axis for axis in names if axis in known.fixed or not known.even]
        directed = dict.fromkeys(fixed, "the physics of the data set singles out its direction")
        directed |= dict.fromkeys(special, "it has a preferred direction")
        reversible = [_reversible(axis, directed, excluded) for axis in axes]
        point = _point_group(reversible, _exchanges(axes, directed, allowed=known.exchange, excluded=excluded))
        periodic = tuple(known.shifts and not shift_fault(axis) for axis in axes)
    centring, joined = field_grid(axes)
    return DomainSymmetry(
        point,
        tuple(axis.size for axis in axes),
        periodic,
        centring,
        joined,
        dict(known.parities),
        tuple(dict.fromkeys(excluded)),
        known.remark,
    )


def _point_group(reversible: Sequence[bool], exchanges: Collection[tuple[int, int]]) -> FiniteGroup:
    """The signed permutations of axes that exchange and reverse only what may be."""
    whole = hyperoctahedral(len(reversible))
    move = whole.motion(whole.elements())
    keep = [
        g
        for g, (index, sign) in enumerate(zip(move.index.tolist(), move.sign.tolist(), strict=True))
        if all(i == a or (i, a) in exchanges for a, i in enumerate(index))
        and all(s > 0 or (reversible[a] and reversible[i]) for (a, i), s in zip(enumerate(index), sign, strict=True))
    ]
    if len(keep) == 1:
        return trivial(len(reversible))
    return whole if len(keep) == whole.order else whole.subgroup(torch.tensor(keep))


def _exchanges(
    axes: Sequence[Axis], directed: Mapping[str, str], *, allowed: bool, excluded: list[str]
) -> set[tuple[int, int]]:
    """Places of axes that may be exchanged, each pair either way round."""
    told = [
        (i, j)
        for i, j in combinations(range(len(axes)), 2)
        if _exchangeable(axes[i], axes[j], directed, allowed=allowed, excluded=excluded)
    ]
    alike = {*told, *((j, i) for i, j in told)}
    found = set(alike)
    for i, j in told:
        # Tolerances are no equivalence: what follows from two exchanges must be one itself.
        if any(((i, k) in alike) != ((j, k) in alike) for k in range(len(axes)) if k not in (i, j)):
            excluded.append(f"exchange of {axes[i].name} and {axes[j].name}: a third axis is like one of them alone")
            found -= {(i, j), (j, i)}
    return found


def _reversible(axis: Axis, directed: Mapping[str, str], excluded: list[str]) -> bool:
    fault = directed.get(axis.name) or reversal_fault(axis)
    if fault:
        excluded.append(f"reversal of {axis.name}: {fault}")
    return not fault


def _exchangeable(a: Axis, b: Axis, directed: Mapping[str, str], *, allowed: bool, excluded: list[str]) -> bool:
    fault = exchange_fault(a, b)
    if not fault and (a.name in directed or b.name in directed):
        fault = "one has a preferred direction"
    if not fault and not allowed:
        fault = "the physics of the data set tells them apart"
    if fault:
        excluded.append(f"exchange of {a.name} and {b.name}: {fault}")
    return not fault
