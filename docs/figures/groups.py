"""Writes the catalogue table of `docs/groups.md` from the groups themselves.

Run it from the root of the project: ``python docs/figures/groups.py``.
"""

from __future__ import annotations

from pathlib import Path

from haar import groups
from haar.groups import FiniteGroup, Group, LieGroup, real_irreducibles

PAGE = Path(__file__).parents[1] / "groups.md"
BEGIN, END = "<!-- catalogue: written by docs/figures/groups.py -->\n", "<!-- end of catalogue -->"

#: What a user writes, and what it is.
CALLS = {
    "cyclic(8)": "rotations of the plane by multiples of 45 degrees",
    "dihedral(4)": "the square",
    "dihedral(6)": "the hexagon",
    "dicyclic(3)": "unit quaternions over a triangle",
    "quaternion()": "±1, ±i, ±j, ±k",
    "reflections(2)": "reversals of two axes",
    "hyperoctahedral(4)": "signed permutations of four axes",
    "octahedral()": "rotations of the cube",
    "octahedral(full=True)": "with reflections",
    "axial()": "the cube with a preferred axis",
    "icosahedral()": "rotations of the icosahedron",
    "icosahedral(full=True)": "with reflections",
    "symmetric(5)": "permutations of five things",
    "symmetric(40)": "of forty things",
    "alternating(5)": "even permutations",
    "sign(3)": "signs of three numbers",
    "sign(100)": "signs of a hundred",
    "shifts((64, 64), step=16)": "shifts of a periodic grid",
    "grid_group(dihedral(4), (64, 64), step=32)": "shifts, turns and mirrors of a grid",
    "product(dihedral(4), sign(1))": "pairs of elements",
    "wreath(sign(1), symmetric(3))": "a sign at each of three points that are permuted",
    "SO(3)": "rotations of space",
    "O(3)": "rotations and reflections of space",
    "SU2()": "unit quaternions on four real numbers",
}


def table() -> str:
    """The catalogue as a Markdown table."""
    head = [
        "call",
        "what it is",
        "order",
        "one element is",
        "defining dimension",
        "moves a grid",
        "irreducibles over ℝ",
    ]
    rows = [head, ["---"] * len(head)]
    for call, meaning in CALLS.items():
        group = eval(call, dict(vars(groups)))
        rows.append([f"`{call}`", meaning, *_cells(group)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _cells(group: Group) -> list[str]:
    order = "∞" if group.order is None else str(group.order) if group.order < 10**6 else f"{group.order:.1e}"
    kind = "matrix" if isinstance(group, LieGroup) else "row" if group.element_shape else "integer"
    shape = "" if not group.element_shape else " " + "×".join(str(n) for n in group.element_shape)
    return [order, kind + shape, _or_dash(group.defining_dim), _or_dash(group.space_dim), _irreducibles(group)]


def _or_dash(n: int | None) -> str:
    return "–" if n is None else str(n)


def _irreducibles(group: Group) -> str:
    """Names, where they are few: the field's own for point groups, else by dimension."""
    if not isinstance(group, FiniteGroup):
        return "–"
    names = [irreducible.name for irreducible in real_irreducibles(group)]
    return ", ".join(names) if len(names) <= 10 else f"{len(names)} of them"


def main() -> None:
    """Write the table between its marks."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + BEGIN + table() + END + rest.split(END, 1)[1])


if __name__ == "__main__":
    main()
