"""Measured closed cycles: what energy they lose, and what a law says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.report import Report, Section, Table
from haar.systems.constitutive.components import check_cycles

#: A cycle that gains more than this share of what goes through it is measured or written wrongly.
_GAIN = 0.01


@dataclass(frozen=True)
class Cycle:
    """One closed cycle.

    Attributes:
        path: Its place in the data.
        size: Largest strain, as a norm in Mandel's coordinates.
        through: Energy that goes in and out along it.
        lost: Net work over that, of the measured stresses.
        by_law: The same of the law's; None without one.
    """

    path: int
    size: float
    through: float
    lost: float
    by_law: float | None


class CycleReport(Report):
    """Energies of measured closed cycles.

    Args:
        cycles: One a path.
    """

    kind: ClassVar[str] = "constitutive-cycles"

    def __init__(self, cycles: Sequence[Cycle]) -> None:
        self.cycles = tuple(cycles)
        self.title = "Energy in closed cycles"

    @property
    def holds(self) -> bool:
        """Whether no measured cycle gains energy."""
        return min(one.lost for one in self.cycles) >= -_GAIN

    @property
    def summary(self) -> str:
        """The range."""
        lost = [one.lost for one in self.cycles]
        told = f"{len(lost)} closed cycles lose {min(lost):.3g} to {max(lost):.3g} of what goes through them"
        own = [one.by_law for one in self.cycles if one.by_law is not None]
        if own:
            told += f", by the law {min(own):.3g} to {max(own):.3g}"
        bad = [one for one in self.cycles if one.lost < -_GAIN]
        if bad:
            told += f"; path {bad[0].path} gains energy, which no material does: look at signs, order and units"
        return told + "."

    def contents(self) -> dict[str, Any]:
        """Every cycle."""
        return {"holds": self.holds, "cycles": [asdict(one) for one in self.cycles]}

    def sections(self) -> Sequence[Section]:
        """One table."""
        rows = [(c.path, c.size, c.through, c.lost, "" if c.by_law is None else c.by_law) for c in self.cycles]
        columns = ("path", "largest strain", "energy through it", "lost", "lost by the law")
        return [Section("Cycles", "", Table("Cycles", columns, rows, "work by trapezoids, over what goes through"))]


def of_cycles(
    strain: Float[Tensor, "paths steps n"],
    stress: Float[Tensor, "paths steps n"],
    law: Callable[[Tensor], Tensor] | None = None,
) -> CycleReport:
    """Look at measured closed cycles.

    Args:
        strain: Paths that come back to where they began, in Mandel's coordinates.
        stress: Theirs.
        law: To be compared.

    Raises:
        DataError: If a path is open.
    """
    check_cycles(strain)
    through, lost = _work(strain, stress)
    by_law: list[float | None] = [None] * len(strain)
    if law is not None:
        with torch.no_grad():
            by_law = list(_work(strain, law(strain))[1].tolist())
    sizes = strain.norm(dim=-1).amax(-1).tolist()
    rows = zip(sizes, through.tolist(), lost.tolist(), by_law, strict=True)
    return CycleReport([Cycle(k, *row) for k, row in enumerate(rows)])


def _work(strain: Tensor, stress: Tensor) -> tuple[Tensor, Tensor]:
    """What goes through, and the share of it that is lost."""
    power = (0.5 * (stress[:, 1:] + stress[:, :-1]) * strain.diff(dim=1)).sum(-1)
    through = power.abs().sum(-1)
    return through, power.sum(-1) / through.clamp(min=1e-300)
