"""Symmetry in machine-learning models: audit, average, relax, enforce, align and follow it.

The nouns are here (`Symmetry`, `Layout`, `Field`, ...), groups are in `haar.groups`, and a verb is a package that can
be called, ``haar.audit(model, symmetry, data)``, ``haar.average(model, symmetry)``. Nothing is imported before its use.
What type checkers see of it is in ``__init__.pyi``.
"""

from haar.face import show

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
    "align",
    "audit",
    "average",
    "check",
    "compress",
    "data",
    "discover",
    "dynamics",
    "enforce",
    "geometry",
    "groups",
    "homotopise",
    "intertwiners",
    "moments",
    "nn",
    "processes",
    "relax",
    "report",
    "saddle",
    "statistics",
    "systems",
    "testing",
    "training",
    "weights",
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
    verbs=("align", "audit", "average", "check", "discover", "relax"),
)
