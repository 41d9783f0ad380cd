"""The symmetry of a domain: which motions keep a grid, its spacing and its boundary conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from haar.actions import FieldSpec, Layout, Symmetry
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
        centring: ``"node"`` if a periodic axis stores nodes without the end, else ``"cell"``.
        parities: -1 for pseudo-fields, by name.
        excluded: Why a motion is not among them, one line each.
        remark: What else is known of the data set.
    """

    point: FiniteGroup
    shape: tuple[int, ...]
    periodic: tuple[bool, ...]
    centring: str
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
        return Symmetry.of_fields(
            self.group(step=step), specs, history=history, centring=self.centring, periodic=list(self.periodic)
        )


def domain_symmetry(
    axes: Sequence[Axis],
    *,
    name: str = "",
    grid_type: str = "cartesian",
    special: Iterable[str] = (),
) -> DomainSymmetry:
    """The symmetry that metadata allow.

    An exchange of axes needs the same number of points, spacing and boundaries; a reversal the same boundary at both
    ends and points that it maps to themselves; shifts a periodic, evenly spaced axis. What the registry knows of the
    data set is taken off.

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
    names = [axis.name for axis in axes]
    unknown = [axis for axis in special if axis not in names]
    if unknown:
        raise ArgumentError("special", expected=f"axes among {', '.join(names)}", got=", ".join(unknown))
    known = known_data_set(name)
    excluded: list[str] = []
    shape = tuple(axis.size for axis in axes)
    curved = grid_type.lower() != "cartesian"
    if curved:
        excluded.append(f"all motions: the grid is {grid_type}, not cartesian")
    reversible = [
        not curved
        and _reversible(axis, special, fixed=known is not None and axis.name in known.fixed, excluded=excluded)
        for axis in axes
    ]
    swaps = {
        (i, j): not curved
        and _exchangeable(axes[i], axes[j], special, allowed=known is None or known.exchange, excluded=excluded)
        for i in range(len(axes))
        for j in range(i + 1, len(axes))
    }
    periodic = tuple(axis.periodic and axis.uniform and not curved and (known is None or known.shifts) for axis in axes)
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
    nodes = any(axis.centring == "periodic-node" for axis in axes)
    return DomainSymmetry(
        point,
        shape,
        periodic,
        "node" if nodes else "cell",
        dict(known.parities) if known is not None else {},
        tuple(dict.fromkeys(excluded)),
        known.remark if known is not None else "",
    )


def _reversible(axis: Axis, special: Iterable[str], *, fixed: bool, excluded: list[str]) -> bool:
    if axis.name in special:
        excluded.append(f"reversal of {axis.name}: it has a preferred direction")
    elif fixed:
        excluded.append(f"reversal of {axis.name}: the physics of the data set singles out its direction")
    elif axis.boundary[0] != axis.boundary[1]:
        excluded.append(f"reversal of {axis.name}: its two ends differ")
    elif not axis.periodic and not axis.symmetric:
        excluded.append(f"reversal of {axis.name}: its points are not symmetric about the middle")
    else:
        return True
    return False


def _exchangeable(a: Axis, b: Axis, special: Iterable[str], *, allowed: bool, excluded: list[str]) -> bool:
    pair = f"exchange of {a.name} and {b.name}"
    if a.size != b.size:
        excluded.append(f"{pair}: {a.size} and {b.size} points")
    elif abs(a.spacing - b.spacing) > 1e-5 * max(a.spacing, b.spacing):
        excluded.append(f"{pair}: their spacings differ")
    elif a.boundary != b.boundary:
        excluded.append(f"{pair}: their boundaries differ")
    elif (a.name in special) != (b.name in special) or a.name in special:
        excluded.append(f"{pair}: one has a preferred direction")
    elif not allowed:
        excluded.append(f"{pair}: the physics of the data set tells them apart")
    else:
        return True
    return False
