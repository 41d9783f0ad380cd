"""What a monthly table holds, told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from haar.data.monthly.codes import CODES
from haar.data.monthly.fred_md import MonthlyTable
from haar.report import Report, Section, Table


class MonthlyDescription(Report):
    """What a table holds: months, series by transformation, and what is missing.

    Args:
        table: The table.
        name: What it is called.
        most: Series that are listed.
    """

    kind: ClassVar[str] = "monthly table"

    def __init__(self, table: MonthlyTable, *, name: str = "", most: int = 20) -> None:
        self.table_, self.title, self.most = table, name, most

    def contents(self) -> dict[str, Any]:
        """Months, series with codes, missing values."""
        held = self.table_
        return {
            "first": str(held.dates[0])[:7],
            "last": str(held.dates[-1])[:7],
            "months": len(held.dates),
            "gaps": _gaps(held.dates),
            "series": {name: CODES[code] for name, code in zip(held.names, held.codes, strict=True)},
            "missing": held.missing,
            "complete": len(held.complete().names),
        }

    def sections(self) -> Sequence[Section]:
        """Codes, then series."""
        found, held = self.contents(), self.table_
        counts = Counter(held.codes)
        codes = [(code, told, counts[code]) for code, told in CODES.items() if counts[code]]
        missing = found["missing"]
        order = [*missing, *(name for name in held.names if name not in missing)][: self.most]
        rows = [(name, found["series"][name], missing.get(name, 0)) for name in order]
        gaps = f", {found['gaps']} months left out" if found["gaps"] else ""
        told = (
            f"{len(held.names)} series, {found['months']} months from {found['first']} to {found['last']}{gaps}; "
            f"{sum(missing.values())} missing values in {len(missing)} series"
        )
        more = len(held.names) - len(rows)
        note = f"and {more} more series" if more else ""
        return [
            Section("Transformations", told, Table(self.title, ("code", "transformation", "series"), codes, told)),
            Section("Series", table=Table("", ("series", "transformation", "missing"), rows, note)),
        ]


def _gaps(dates: np.ndarray) -> int:
    """Months between the first and the last that have no row."""
    months = dates.astype("datetime64[M]").astype(int)
    return int(months[-1] - months[0] + 1 - len(np.unique(months)))
