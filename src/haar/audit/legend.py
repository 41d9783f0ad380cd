"""What the names of an audit stand for: the elements, as what they do to coordinates; the irreducibles, in words."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from haar.actions import Symmetry
from haar.actions.action import Action
from haar.actions.trees import action_leaves
from haar.errors import HaarError
from haar.groups import FiniteGroup, Group
from haar.groups.characters import real_irreducibles
from haar.report import Section, Table
from haar.report.table import Cell

#: Longer legends are not read.
_MOST = 64
_AXES = ("x", "y", "z")


def legend(group: Group, elements: Tensor, shares: Sequence[str]) -> list[Section]:
    """The tables of names; none for a group whose elements have no short names.

    Args:
        group: The group.
        elements: The elements that were looked at.
        shares: Names of the irreducible components that were told.
    """
    told = []
    rows = element_rows(group, elements)
    if rows:
        text = "What each element does to a point. Fields move as g f(g^-1 x); components of vectors turn with them."
        told.append(Section("What the elements are", text, Table("", ("element", "a point goes to", "order"), rows)))
    if shares and isinstance(group, FiniteGroup):
        text = (
            "A defect splits into parts that move under the group each in a way of its own; a model that respects the "
            "group has only the trivial one. The character says how a part answers: 1 is kept, -1 changes its sign."
        )
        told.append(Section("What the components are", text, _components(group)))
    return told


def element_rows(group: Group, elements: Tensor) -> list[tuple[str, str, int]]:
    """Name, what becomes of a point, and order of every element but the identity.

    Example:
        >>> import torch
        >>> from haar.groups import dihedral
        >>> element_rows(dihedral(4), torch.arange(8))[:2]
        [('r90', '(-y, x)', 4), ('r180', '(-x, -y)', 2)]
    """
    if not isinstance(group, FiniteGroup) or group.defining_dim is None or len(elements) > _MOST:
        return []
    found = []
    for g in elements[1:]:
        point = _image(group, g)
        if point is None:
            return []
        found.append((group.describe(g), point, _order(group, g)))
    return found


def conventions(symmetry: Symmetry) -> str:
    """How inputs and outputs are acted on, in a line.

    Example:
        >>> from haar.groups import dihedral
        >>> conventions(Symmetry.of_fields(dihedral(4), "p, u:vector", centring="node"))[:40]
        'input: 3 channels on a 2-dimensional gri'
    """
    leaves = [("input", leaf) for leaf in action_leaves(tuple(symmetry.inputs))]
    leaves += [("output", leaf) for leaf in action_leaves(symmetry.outputs)]
    told = "; ".join(dict.fromkeys(f"{side}: {_acted(action)}" for side, action in leaves))
    return f"{told}; coordinates in the order x, y, z; left action, (g f)(x) = rho(g) f(g^-1 x)"


def _acted(action: Action) -> str:
    rep, centring = getattr(action, "rep", None), getattr(action, "centring", None)
    words = type(action).__name__
    if action.axes.space and rep is not None:
        words = f"{rep.dim} channels on a {len(action.axes.space)}-dimensional grid"
    elif rep is not None:
        words = f"{words} of dimension {rep.dim}"
    if centring is not None:
        kinds = dict.fromkeys(getattr(one, "value", str(one)) for one in _each(centring))
        words += f", points at the {' or '.join('nodes' if kind == 'node' else f'{kind} centres' for kind in kinds)}"
    periodic = getattr(action, "periodic", None)
    if periodic is not None:
        words += ", periodic" if all(_each(periodic)) else ", not periodic" if not any(_each(periodic)) else ""
    return words


def _each(value: object) -> Sequence[object]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _image(group: FiniteGroup, g: Tensor) -> str | None:
    """What becomes of (x, y): by the axes where they are exchanged or reversed, by numbers where they turn."""
    try:
        matrix = group.defining_matrix(g)
    except HaarError:
        return None
    if matrix.shape[-1] > len(_AXES):
        return None
    return "(" + ", ".join(_sum(row) for row in matrix.tolist()) + ")"


def _sum(row: Sequence[float]) -> str:
    """A sum of coordinates.

    Example:
        >>> _sum([0.0, -1.0]), _sum([0.5, -0.8660254])
        ('-y', '0.5 x - 0.866 y')
    """
    told = ""
    for number, axis in zip(row, _AXES, strict=False):
        if abs(number) < 1e-9:
            continue
        size = "" if abs(abs(number) - 1) < 1e-9 else f"{abs(number):.3g} "
        sign = ("-" if number < 0 else "") if not told else (" - " if number < 0 else " + ")
        told += f"{sign}{size}{axis}"
    return told or "0"


def _order(group: FiniteGroup, g: Tensor) -> int:
    power, count = g, 1
    identity = group.identity()
    while not bool(group.equal(power, identity)):
        power, count = group.compose(power, g), count + 1
    return count


def _components(group: FiniteGroup) -> Table:
    """Every irreducible representation with its characters on the generators."""
    generators = [int(g) for g in group.generators()]
    columns = ("component", "dimension", *(f"character of {group.describe(g)}" for g in generators))
    rows: list[tuple[Cell, ...]] = [
        (one.name, one.dim, *(round(float(one.character[g]), 3) for g in generators))
        for one in real_irreducibles(group)
    ]
    rows[0] = (f"{rows[0][0]} (trivial)", *rows[0][1:])
    return Table("", columns, rows)
