"""One step of a staircase of symmetries: what was found, how far the model is from it, and what lies outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from haar.actions import Symmetry
from haar.statistics import Estimate


@dataclass(frozen=True, kw_only=True)
class Step:
    """A symmetry that a model has, exactly or to a measured defect.

    Attributes:
        name: The field's name for the group, with what it moves where that is not plain.
        symmetry: What `haar.audit` and the other verbs take; None where the group is not compact.
        order: Number of elements; None for a continuous group.
        dimension: Dimension of the Lie algebra; 0 for a finite group.
        defect: The largest relative defect of its elements on held-out data, with its interval: the root mean square
            of f(g x) - g f(x) over that of two unrelated predictions (sqrt of twice their variance).
        outside: The smallest relative defect among what was looked at and does not belong to it; None where nothing is
            left outside.
        grade: ``"exact"`` where the defect is rounding, otherwise ``"approximate"``.
        kind: ``"lie"``, ``"finite"`` or ``"grid"``.
        complete: Whether the search came to its end: otherwise the group is at least this one.

    Example:
        >>> from haar.groups import cyclic
        >>> turn = Symmetry.of_fields(cyclic(4), "p")
        >>> print(Step(name="C4", symmetry=turn, order=4, defect=Estimate(0.08, 0.07, 0.09), outside=0.5))
        C4, order 4, approximate: defect 0.08 [0.07, 0.09], outside it at least 0.5
    """

    name: str
    symmetry: Symmetry | None
    defect: Estimate
    order: int | None = None
    dimension: int = 0
    outside: float | None = None
    grade: Literal["exact", "approximate"] = "approximate"
    kind: Literal["lie", "finite", "grid"] = "finite"
    complete: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and words, without the symmetry itself."""
        return {
            "name": self.name,
            "kind": self.kind,
            "order": self.order,
            "dimension": self.dimension,
            "defect": self.defect.to_dict(),
            "outside": self.outside,
            "grade": self.grade,
            "complete": self.complete,
        }

    @property
    def size(self) -> str:
        """Order or dimension in words."""
        least = "" if self.complete else "at least "
        return f"dimension {self.dimension}" if self.order is None else f"order {least}{self.order}"

    def __str__(self) -> str:
        """One line."""
        beyond = "" if self.outside is None else f", outside it at least {self.outside:.3g}"
        told = self.name if self.size in self.name else f"{self.name}, {self.size}"
        return f"{told}, {self.grade}: defect {self.defect}{beyond}"
