"""The symmetry of a domain: which motions keep a grid, its spacing and its boundary conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from haar.actions import FieldSpec, Layout, Symmetry
from haar.audit.axis_motions import exchange_fault, field_grid, reversal_fault, shift_fault
from haar.audit.registry import known_data_set
from haar.data.well.axis import Axis
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
    known = known_data_set(name)
    excluded: list[str] = []
    shape = tuple(axis.size for axis in axes)
    curved = grid_type.lower() != "cartesian"
    if curved:
        excluded.append(f"all motions: the grid is {grid_type}, not cartesian")
    directed = dict.fromkeys(special, "it has a preferred direction")
    if known is not None:
        fixed = [axis for axis in names if axis in known.fixed or not known.even]
        directed = dict.fromkeys(fixed, "the physics of the data set singles out its direction") | directed
    reversible = [not curved and _reversible(axis, directed, excluded) for axis in axes]
    swaps = {
        (i, j): not curved
        and _exchangeable(axes[i], axes[j], directed, allowed=known is None or known.exchange, excluded=excluded)
        for i in range(len(axes))
        for j in range(i + 1, len(axes))
    }
    told = dict(swaps)
    for (i, j), allowed in told.items():
        # Tolerances are no equivalence: what follows from two exchanges must be one itself.
        others = [k for k in range(len(axes)) if k not in (i, j)]
        if allowed and any(told[min(i, k), max(i, k)] != told[min(j, k), max(j, k)] for k in others):
            excluded.append(f"exchange of {axes[i].name} and {axes[j].name}: a third axis is like one of them alone")
            swaps[i, j] = False
    periodic = tuple(not shift_fault(axis) and not curved and (known is None or known.shifts) for axis in axes)
    whole = hyperoctahedral(len(axes))
    move = whole.motion(whole.elements())
    keep = []
    for g, (index, sign) in enumerate(zip(move.index.tolist(), move.sign.tolist(), strict=True)):
        turned = all(swaps[min(i, a), max(i, a)] for a, i in enumerate(index) if i != a)
        reversed_ = all(
            reversible[a] and reversible[i] for (a, i), s in zip(enumerate(index), sign, strict=True) if s < 0
        )
        if turned and reversed_:
            keep.append(g)
    point: FiniteGroup = trivial(len(axes)) if len(keep) == 1 else whole
    if 1 < len(keep) < whole.order:
        point = whole.subgroup(torch.tensor(keep))
    centring, joined = field_grid(axes)
    return DomainSymmetry(
        point,
        shape,
        periodic,
        centring,
        joined,
        dict(known.parities) if known is not None else {},
        tuple(dict.fromkeys(excluded)),
        known.remark if known is not None else "",
    )


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
