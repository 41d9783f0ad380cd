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
        found: Findings of the audit.
        group: The group that was audited.
    """
    told: tuple[str, ...] = (
        _floor(found),
        _largest(found),
        _respected(found, group),
        _removed(found),
        "sums over outputs and fields are in units of each one's own spread" if found.units == "own spread" else "",
        _labelled(found),
        _alpha(found),
        _few(found),
        _contradiction(found),
        _closed(found),
    )
    if not group.is_compact:  # nothing of what follows from a mean, or from data that the group leaves alone
        told = (_floor(found), _largest(found), _mse(found), _few(found))
    return [line for line in told if line]


def _mse(found: Findings) -> str:
    return "" if found.mse is None else f"MSE {found.mse:.3g}"


def _floor(found: Findings) -> str:
    return f"floor: relative {found.floor:.1e}" + (" (the model is stochastic)" if found.stochastic else " (rounding)")


def _largest(found: Findings) -> str:
    worst = found.worst
    return "" if worst is None else f"largest defect: {worst.element}, relative {worst.relative.value:.3g}"


def _respected(found: Findings, group: Group) -> str:
    if not isinstance(group, FiniteGroup) or not 1 < len(found.holds) < group.order:
        return ""
    names = [group.describe(torch.tensor(k)) for k in found.holds]
    return f"already respected: {', '.join(names)} ({len(names)} of {group.order} elements)"


def _removed(found: Findings) -> str:
    if math.isnan(found.removed.value):
        return ""
    return f"averaging removes {found.removed:.3g} of mean square (no labels)"


def _alpha(found: Findings) -> str:
    if found.alpha is None:
        return ""
    return f"least-squares alpha {found.alpha:z.2f} (0: average fully, 1: leave the model)"


def _labelled(found: Findings) -> str:
    if found.mse is None:
        return ""
    return _mse(found) + (f", averaged {found.mse_after:.3g}" if found.mse_after else "")


def _few(found: Findings) -> str:
    if found.independent >= FEWEST:
        return ""
    return f"{found.independent} independent samples: from fewer than {FEWEST} there are no intervals"


def _contradiction(found: Findings) -> str:
    against = [e.element for e in found.elements if e.contradiction]
    if not against:
        return ""
    return f"contradiction: {', '.join(against)} change predictions by more than twice the root MSE"


def _closed(found: Findings) -> str:
    if not found.closure:
        return ""
    broken = [f"{c.element} (p = {c.p:.3g}, {c.statistic})" for c in found.closure if c.p <= found.significance]
    if broken:
        return f"data: not closed under {', '.join(broken)}"
    untold = bool(found.subgroups) and all(h.closed is None for h in found.subgroups)
    return "data: " + ("too few independent trajectories to tell" if untold else "no element is rejected")
