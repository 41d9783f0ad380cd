"""From an audit's verdict to a model: averaged over a group or the subgroup that is left, softly, or as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from haar.actions import Symmetry
from haar.audit import Audit
from haar.average import Orbit, Quadrature, Sampled, average, soft
from haar.average.weighted import ORBIT_LIMIT, How
from haar.check.measured import Measured
from haar.check.samples import Samples
from haar.errors import ArgumentError
from haar.groups import FiniteGroup, Group, LieGroup

Action = Literal["average", "average softly", "relax", "leave alone"]

#: Degree of the quadrature of a Lie group, and elements that are drawn of a group too large for all of them.
_DEGREE, _DRAWN = 4, 32


@dataclass(frozen=True)
class Repair:
    """What was carried out.

    Attributes:
        action: ``"average"``, ``"average softly"``, ``"relax"`` or ``"leave alone"``.
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
        symmetry = symmetry.restrict(group.subgroup(advice.members, advice.group or None))
    how = _rule(symmetry.group, seed)
    asked = replace(kept, group=symmetry.group.name, elements=len(how.weighted(symmetry.group)), symmetry=symmetry)
    if advice.verdict == "soft" and seen.labels is not None:
        softened = soft(model, symmetry, (seen.inputs, seen.labels), how=how, seed=seed, micro_batch=1)
        return replace(asked, action="average softly", model=softened)
    averaged = average(model, symmetry, how, micro_batch=1)
    return replace(asked, action="average", exact=isinstance(how, Orbit), model=averaged)


def _rule(group: Group, seed: int) -> How:
    """All elements where these are few, or a quadrature of few; else elements drawn at random."""
    if isinstance(group, FiniteGroup) and group.order <= ORBIT_LIMIT:
        return Orbit()
    if isinstance(group, LieGroup):
        rule = Quadrature(_DEGREE)
        try:
            if len(rule.weighted(group)) <= ORBIT_LIMIT:
                return rule
        except ArgumentError:
            pass  # no rule is known of this group, or none of a bearable size
    return Sampled(min(_DRAWN, group.order or _DRAWN), seed=seed)


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
