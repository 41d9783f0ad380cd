"""Symmetry in machine-learning models: audit, average, relax, enforce, align and follow it.

The nouns are here (`Symmetry`, `Layout`, `Field`, ...), groups are in `haar.groups`, and a verb is a package that can
be called, ``haar.audit(model, symmetry, data)``, ``haar.average(model, symmetry)``. Nothing is imported before its use.
"""
# ruff: noqa: TC004 (names are imported for type checkers here, and when they are used at run time)

from typing import TYPE_CHECKING

from haar.face import show

if TYPE_CHECKING:
    from haar import actions, data, groups, intertwiners, moments, nn, report, testing
    from haar.actions import Action, Field, FieldSpec, Invariant, Layout, Points, Representation, Symmetry, Vector
    from haar.audit import audit
    from haar.average import average
    from haar.errors import ArgumentError, DataError, HaarError, NotEquivariantError, ShapeError
    from haar.groups import Group
    from haar.relax import enforce, homotopise, relax

    __version__: str

__all__ = [
    "Action",
    "ArgumentError",
    "DataError",
    "Field",
    "FieldSpec",
    "Group",
    "HaarError",
    "Invariant",
    "Layout",
    "NotEquivariantError",
    "Points",
    "Representation",
    "ShapeError",
    "Symmetry",
    "Vector",
    "__version__",
    "actions",
    "audit",
    "average",
    "data",
    "enforce",
    "groups",
    "homotopise",
    "intertwiners",
    "moments",
    "nn",
    "relax",
    "report",
    "testing",
]

show(
    __name__,
    nouns={
        "haar.actions": (
            "Action",
            "Field",
            "FieldSpec",
            "Invariant",
            "Layout",
            "Points",
            "Representation",
            "Symmetry",
            "Vector",
        ),
        "haar.errors": ("ArgumentError", "DataError", "HaarError", "NotEquivariantError", "ShapeError"),
        "haar.groups": ("Group",),
        "haar.relax": ("enforce", "homotopise"),
    },
    verbs=("audit", "average", "relax"),
    packages=("actions", "data", "groups", "intertwiners", "moments", "nn", "report", "testing"),
)
