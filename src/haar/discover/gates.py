"""How many generators: four gates, each on data that the solve has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from haar.discover.flows import Finite
from haar.discover.spectrum import Spectrum

#: The next direction must fail so many times more; for a single generator, which is closed for nothing, the second.
GAP, GAP_OF_ONE = 2.0, 3.0
#: A bracket may leave the span by so many defects.
CLOSURE, CLOSURE_FLOOR = 2.0, 1e-6
#: Numbers of generators that are looked at.
LARGEST = 300
NAMES = ("small", "gap", "closed", "finite")


@dataclass(frozen=True)
class Gate:
    """A number of generators, and how it fared.

    Attributes:
        count: k.
        defect: The largest held-out defect of the first k directions.
        low: Lower end of its interval.
        high: Upper end.
        beyond: The smallest defect of all further directions; 0 if there is none.
        gap: How many times worse that is.
        closure: How far brackets leave the span, or NaN if an earlier gate failed.
        finite: Of finite elements, or None if an earlier gate failed.
        failed: The first gate that failed, or empty.
    """

    count: int
    defect: float
    low: float
    high: float
    beyond: float
    gap: float
    closure: float
    finite: Finite | None
    failed: str

    @property
    def accepted(self) -> bool:
        """Whether it passed all four."""
        return not self.failed


def gates(
    found: Spectrum,
    closure: Callable[[Tensor], float],
    finite: Callable[[Tensor, float], Finite],
    *,
    tolerance: float,
    always: int = 12,
) -> list[Gate]:
    """Every number of generators that is small enough, and the first that is not.

    Args:
        found: Directions with their defects.
        closure: From directions to how far brackets leave their span.
        finite: From directions and their defect to defects of finite elements.
        tolerance: The largest defect of a symmetry.
        always: Up to so many generators closure is looked at though the gap is too small, to tell what came closest.
    """
    told = []
    total = len(found.held_out)
    for k in range(1, min(total, LARGEST) + 1):
        first, rest = found.held_out[:k], found.held_out[k:]
        worst = int(first.argmax())
        defect = float(first[worst])
        beyond = float(rest.min()) if len(rest) else 0.0
        gap = beyond / max(defect, found.floor)
        kept = (k, defect, float(found.low[worst]), float(found.high[worst]), beyond, gap)
        if defect > tolerance:
            told.append(Gate(*kept, closure=float("nan"), finite=None, failed="small"))
            break
        failed = "" if gap >= (GAP_OF_ONE if k == 1 else GAP) else "gap"
        away = closure(found.vectors[:, :k]) if not failed or k <= always else float("nan")
        failed = failed or ("" if away <= max(CLOSURE * defect, CLOSURE_FLOOR) else "closed")
        tried = None if failed else finite(found.vectors[:, :k], defect)
        if tried is not None and not tried.accepted:
            failed = "finite"
        told.append(Gate(*kept, closure=away, finite=tried, failed=failed))
    return told


def unlooked(told: list[Gate], tolerance: float) -> str:
    """That the largest number was reached and more directions are as small, in words; empty where it was not.

    Args:
        told: What `gates` returned.
        tolerance: The largest defect of a symmetry.
    """
    last = told[-1] if told else None
    if last is None or last.count < LARGEST or last.failed == "small" or not 0 < last.beyond <= tolerance:
        return ""
    return (
        f"{LARGEST} generators are the most that are looked at, and a further direction has the defect "
        f"{last.beyond:.2g}: a group with more is not told, and what is told may be a part of one"
    )


def closest(told: list[Gate]) -> Gate | None:
    """Of numbers that were not accepted, the one that went furthest, and has the widest gap."""
    refused = [gate for gate in told if not gate.accepted and gate.failed != "small"]
    if not refused:
        return told[0] if told else None

    def fared(gate: Gate) -> tuple[bool, float]:
        closed = gate.closure <= max(CLOSURE * gate.defect, CLOSURE_FLOOR) and gate.count > 1
        return closed, gate.gap

    return max(refused, key=fared)


def floor_of(vectors: int, eps: float, condition: float) -> float:
    """What rounding leaves of an exact symmetry."""
    found: float = 10 * eps * max(1.0, condition) * max(1.0, vectors**0.5)
    return found


def largest_angle(found: Tensor, planted: Tensor) -> float:
    """The largest angle between two spaces of matrices, in degrees.

    Args:
        found: ``(k, ...)``.
        planted: ``(j, ...)`` with j <= k: the angle of the smaller space to the larger.

    Example:
        >>> one = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
        >>> round(largest_angle(one, torch.tensor([[1.0, 1.0, 0.0]], dtype=torch.float64)), 6)
        45.0
    """
    a = torch.linalg.qr(found.flatten(1).T).Q
    b = torch.linalg.qr(planted.flatten(1).T).Q
    sine = float(torch.linalg.matrix_norm(b - a @ (a.T @ b), ord=2))
    return float(torch.rad2deg(torch.asin(torch.tensor(min(sine, 1.0), dtype=torch.float64))))
