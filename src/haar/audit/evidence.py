"""What a recommendation rests on, in lines of words."""

from __future__ import annotations

import math

import torch

from haar.audit.findings import Findings
from haar.groups import FiniteGroup, Group
from haar.statistics import FEWEST


def evidence(found: Findings, group: Group) -> list[str]:
    """One line for every kind of evidence.

    Args:
        found: What the audit found.
        group: The group.
    """
    lines = [
        f"floor: relative {found.floor:.1e}" + (" (the model is stochastic)" if found.stochastic else " (rounding)")
    ]
    worst = found.worst
    if worst is not None:
        lines.append(f"largest defect: {worst.element}, relative {worst.relative.value:.3g}")
    if isinstance(group, FiniteGroup) and 1 < len(found.holds) < group.order:
        names = [group.describe(torch.tensor(k)) for k in found.holds]
        lines.append(f"already respected: {', '.join(names)} ({len(names)} of {group.order} elements)")
    if not math.isnan(found.removed.value):
        lines.append(f"averaging removes {found.removed:.3g} of mean square (no labels)")
    if found.units == "own spread":
        lines.append("sums over outputs and fields are in units of each one's own spread")
    if found.mse is not None:
        lines.append(f"MSE {found.mse:.3g}" + (f", averaged {found.mse_after:.3g}" if found.mse_after else ""))
    if found.alpha is not None:
        lines.append(f"least-squares alpha {found.alpha:z.2f} (0: average fully, 1: leave the model)")
    if found.independent < FEWEST:
        lines.append(f"{found.independent} independent samples: from fewer than {FEWEST} there are no intervals")
    against = [e.element for e in found.elements if e.contradiction]
    if against:
        lines.append(f"contradiction: {', '.join(against)} change predictions by more than twice the root MSE")
    if found.closure:
        broken = [f"{c.element} (p = {c.p:.3g}, {c.statistic})" for c in found.closure if c.p <= found.significance]
        untold = bool(found.subgroups) and all(h.closed is None for h in found.subgroups)
        kept = "too few independent trajectories to tell" if untold else "no element is rejected"
        lines.append("data: " + (f"not closed under {', '.join(broken)}" if broken else kept))
    return lines
