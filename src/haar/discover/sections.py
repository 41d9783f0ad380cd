"""How a discovery is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from haar.report import Section, Table

if TYPE_CHECKING:
    from haar.discover.discovery import Discovery


def sections(found: Discovery) -> Sequence[Section]:
    """All of them, the answer first."""
    rows = [
        (step.name, step.kind, step.size, step.grade, step.defect.value, step.defect.interval, step.outside)
        for step in found.staircase
    ]
    columns = ("symmetry", "kind", "size", "grade", "defect", "95 %", "outside it")
    return [Section("What was found", text="\n\n".join(found.remarks), table=Table("Staircase", columns, rows))]
