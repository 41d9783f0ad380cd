"""All systems in one page: what each paper claims, what became of it, and where its own report is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from haar.report import Report, Section, Table
from haar.report.table import Cell
from haar.systems.catalogue import System
from haar.systems.recipe import Result


@dataclass(frozen=True, eq=False)
class SystemResult:
    """What became of one system.

    Args:
        system: The system.
        result: Its result; None where it failed.
        fault: Why it failed.
    """

    system: System
    result: Result | None
    fault: str = ""

    @property
    def page(self) -> str:
        """Its own report, beside the combined one."""
        return f"{self.system.name}/report.html" if self.result is not None else ""

    def count(self, verdict: str) -> int | None:
        """How many of its claims have a verdict."""
        return None if self.result is None else sum(claim.verdict == verdict for claim in self.result.claims)


@dataclass(frozen=True, eq=False)
class AllResults(Report):
    """The systems together.

    Args:
        preset: Which preset was run.
        results: One a system, in the catalogue's order.
    """

    kind: ClassVar[str] = "reproductions"

    preset: str
    results: Sequence[SystemResult]

    @property
    def title(self) -> str:  # type: ignore[override]
        """The page's heading."""
        return f"{len(self.results)} systems, preset {self.preset}"

    @property
    def contradicted(self) -> bool:
        """Whether some claim of some system is contradicted."""
        return any(one.count("contradicted") for one in self.results)

    @property
    def failed(self) -> list[SystemResult]:
        """Systems that have no result."""
        return [one for one in self.results if one.result is None]

    @property
    def summary(self) -> str:
        """How many claims hold, are open, are contradicted."""
        claims = [claim for one in self.results if one.result is not None for claim in one.result.claims]
        told = ", ".join(
            f"{sum(claim.verdict == verdict for claim in claims)} {word}"
            for verdict, word in (("holds", "hold"), ("open", "are open"), ("contradicted", "are contradicted"))
        )
        failed = ", ".join(one.system.name for one in self.failed)
        return f"Of {len(claims)} claims {told}." + (f" Without a result: {failed}." if failed else "")

    @property
    def made_of(self) -> Mapping[str, object]:
        """The experiments."""
        return {
            "experiment": f"haar reproduce of {', '.join(one.system.name for one in self.results)}",
            "conventions": "verdicts are those of each system's own report, where intervals and bounds are explained",
        }

    def contents(self) -> dict[str, Any]:
        """Every system with its claims."""
        return {
            "preset": self.preset,
            "systems": [
                {
                    "system": one.system.name,
                    "fault": one.fault or None,
                    "page": one.page,
                    "seeds": [] if one.result is None else list(one.result.seeds),
                    "claims": [] if one.result is None else list(one.result.claims),
                }
                for one in self.results
            ],
        }

    def sections(self) -> Sequence[Section]:
        """The systems, then every claim of each."""
        rows: list[list[Cell]] = [
            [
                one.system.name,
                one.system.paper,
                len(one.result.seeds) if one.result is not None else None,
                one.count("holds"),
                one.count("open"),
                one.count("contradicted"),
                one.page or None,
                one.fault or None,
            ]
            for one in self.results
        ]
        columns = ["system", "paper", "seeds", "hold", "open", "contradicted", "report", "without a result because"]
        if not self.failed:
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        told = [Section("Systems", table=Table("systems", columns, rows, addresses=("report",)))]
        for one in self.results:
            result = one.result
            if result is None:
                continue
            claims = [
                (
                    claim.claim,
                    claim.source,
                    claim.value,
                    f"{claim.low:.4g} … {claim.high:.4g}",
                    claim.bound,
                    claim.verdict,
                )
                for claim in result.claims
            ]
            names = ("claim", "source", "here", "interval", "bound", "verdict")
            table = Table(one.system.name, names, claims, verdicts=("verdict",))
            told.append(Section(one.system.title, result.paper, table))
        return told
