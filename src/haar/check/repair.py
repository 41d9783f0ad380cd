"""From an audit's verdict to a model: averaged over a group or the subgroup that is left, softly, or as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from haar.actions import Symmetry
from haar.audit import Audit
from haar.average import Averaged, Quadrature, Sampled, SoftAverage, average, soft
from haar.average.weighted import ORBIT_LIMIT
from haar.check.measured import Measured
from haar.check.samples import Samples
from haar.groups import FiniteGroup, LieGroup

Action = Literal["average", "average softly", "leave alone"]

#: Elements that a group too large for all of them is averaged over.
_DRAWN = 32


@dataclass(frozen=True)
class Repair:
    """What was carried out.

    Attributes:
        action: ``"average"``, ``"average softly"`` or ``"leave alone"``.
        group: The group or subgroup that it is about; empty where nothing was done.
        elements: How many copies of the model an answer takes.
        exact: Whether the repaired model is equivariant to rounding.
        why: The evidence in a sentence.
        model: The model to use from now on.
        symmetry: What it is asked to have.
    """

    action: Action
    group: str
    elements: int
    exact: bool
    why: str
    model: Callable[..., Any]
    symmetry: Symmetry

    def taken_back(self, before: Callable[..., Any], why: str) -> Repair:
        """The model as it was, with the reason."""
        return replace(self, action="leave alone", elements=1, exact=False, why=why, model=before)


def carry_out(model: Callable[..., Any], audit: Audit, seen: Samples, *, seed: int) -> Repair:
    """Do the one thing that an audit recommends.

    Args:
        model: The audited model.
        audit: The audit, on the samples that may choose.
        seen: These samples.
        seed: Of drawn elements and of the fit of a soft average.
    """
    advice, symmetry = audit.recommendation, audit.symmetry
    kept = Repair("leave alone", "", 1, False, advice.sentence, model, symmetry)
    if advice.verdict not in ("average", "soft"):
        return kept
    group = symmetry.group
    if advice.members and isinstance(group, FiniteGroup) and len(advice.members) < group.order:
        subgroup = group.subgroup(advice.members, advice.group or None)
        if subgroup.order == len(advice.members):
            symmetry = symmetry.restrict(subgroup)
    if advice.verdict == "soft" and seen.labels is not None:
        return _softly(kept, symmetry, seen, seed=seed)
    averaged = _averaged(model, symmetry, seed)
    exact = symmetry.group.order is not None and symmetry.group.order <= ORBIT_LIMIT
    size = (symmetry.group.order or 0) if exact else _DRAWN
    name = symmetry.group.name
    return replace(kept, action="average", group=name, elements=size, exact=exact, model=averaged, symmetry=symmetry)


def _averaged(model: Callable[..., Any], symmetry: Symmetry, seed: int) -> Averaged:
    group = symmetry.group
    if isinstance(group, LieGroup):
        return average(model, symmetry, Quadrature(4), micro_batch=1)
    if group.order is not None and group.order > ORBIT_LIMIT:
        return average(model, symmetry, Sampled(_DRAWN, seed=seed), micro_batch=1)
    return average(model, symmetry, micro_batch=1)


def _softly(kept: Repair, symmetry: Symmetry, seen: Samples, *, seed: int) -> Repair:
    softened: SoftAverage = soft(kept.model, symmetry, (seen.inputs, seen.labels), seed=seed, micro_batch=1)
    return replace(
        kept,
        action="average softly",
        group=symmetry.group.name,
        elements=symmetry.group.order or 0,
        model=softened,
        symmetry=symmetry,
    )


def confirmed(repair: Repair, before: Callable[..., Any], measured: Measured) -> Repair:
    """A repair that made held-out errors larger, beyond its interval, is taken back.

    Args:
        repair: What was carried out.
        before: The model as it was.
        measured: What it did on held-out samples.
    """
    change = measured.change
    if repair.action == "leave alone" or change is None or not change.low > 0:
        return repair
    return repair.taken_back(
        before,
        f"{repair.action.capitalize()} over {repair.group} was tried and taken back: on held-out samples the error "
        f"rises by {change.value:.1%} [{change.low:.1%}, {change.high:.1%}].",
    )
