"""What a force field takes and gives, by its names: which of it turns as vectors and tensors do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from haar.actions.action import Action, Invariant
from haar.actions.points import Bilinear, Points
from haar.actions.representation import Defining, Determinant, TensorProduct
from haar.errors import ArgumentError
from haar.groups import Group

#: Kinds that names have in the field; others are scalars unless their kind is told.
_KNOWN = {
    "positions": "vector",
    "pos": "vector",
    "coordinates": "vector",
    "cell": "vector",
    "forces": "vector",
    "force": "vector",
    "velocities": "vector",
    "dipole": "vector",
    "magnetic_moment": "pseudovector",
    "stress": "tensor",
    "virial": "tensor",
    "polarizability": "tensor",
}
_KINDS = ("scalar", "vector", "pseudovector", "tensor")


def atoms_actions(group: Group, names: str | Sequence[str], argument: str) -> dict[str, Action]:
    """An action for every name.

    Args:
        group: Rotations, with or without reflections, whose defining matrices turn space.
        names: ``"energy, forces:vector, stress:tensor"``, or a list of the same. Vectors stand on the last axis (forces
            ``(atoms, 3)``, a cell ``(3, 3)`` of rows), tensors on the last two.
        argument: What the caller calls them.

    Raises:
        ArgumentError: If a kind is unknown, a name is missing or stands twice.
    """
    words = names.split(",") if isinstance(names, str) else list(names)
    made: dict[str, Action] = {}
    for word in words:
        name, colon, kind = (part.strip() for part in str(word).partition(":"))
        kind = kind if colon else _KNOWN.get(name, "scalar")
        if not name or name in made:
            got = f"{name} twice" if name else repr(names)
            raise ArgumentError(argument, expected="names, such as 'energy, forces:vector, stress:tensor'", got=got)
        if kind not in _KINDS:
            way_out = f"leave the kind out where the name says it: {', '.join(_KNOWN)}"
            raise ArgumentError(
                argument, expected=f"{name} as one of {', '.join(_KINDS)}", got=repr(kind), way_out=way_out
            )
        made[name] = _action(group, kind)
    return made


def _action(group: Group, kind: str) -> Action:
    if kind == "scalar":
        return Invariant(group)
    space = Defining(group)
    if kind == "tensor":
        return Bilinear(space)
    return Points(rotation=space if kind == "vector" else TensorProduct(Determinant(space), space))


def mirrored(names: str | Sequence[str], actions: dict[str, Action]) -> Any:
    """The containers of a model's outputs: one action alone, a dict for a text of several, a tuple for a list."""
    if not isinstance(names, str):
        return tuple(actions.values())
    return actions if len(actions) > 1 else next(iter(actions.values()))
