"""One sentence: average, average softly, or do not; with the evidence for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from haar.audit.evidence import evidence
from haar.audit.findings import ElementDefect, Findings, SubgroupFinding
from haar.groups import FiniteGroup, Group
from haar.statistics import FEWEST, Estimate

#: Soft averaging is advised where alpha is told from 0 and its interval from 1, and the error falls by 2 % at least.
_LEAST_ALPHA, _MOST_ALPHA, _WORTH = 0.02, 0.95, 0.98

#: Independent trajectories below which closure of the data is not relied on without labels.
_LABEL_FREE = 20
#: A subgroup that removes this part of what a larger one removes will do.
_ALMOST = 0.99
#: Gains that differ by this part of them are the same.
_ROUNDING = 1e-6
#: Falls of the MSE below this part of it, and changes of predictions below this part of their variance, are no advice.
_LITTLE, _LITTLE_CHANGE = 1e-3, 1e-4
#: Of inputs that are the same after every move.
_UNMOVED = (
    "These data cannot tell whether the model respects {group}: no element moves any of the inputs (constant fields, "
    "vectors that are zero, or inputs that are all Invariant); give inputs that vary."
)


@dataclass(frozen=True)
class Recommendation:
    """What to do, and why.

    Attributes:
        verdict: ``"average"``, ``"soft"``, ``"do not"``, ``"nothing to gain"`` or ``"unclear"``.
        group: The (sub)group to average over; empty where there is none.
        sentence: The recommendation in one sentence.
        evidence: What it rests on, one line each.
        elements: Names of the elements to average over, the identity among them; empty where there are none, or the
            group is not listed.
        members: The same as places in the group's list: ``haar.average(model, symmetry, how=Given(members))``.
        holds: Names of the elements that the model already respects, the identity among them.
    """

    verdict: str
    group: str
    sentence: str
    evidence: list[str] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)
    members: list[int] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {name: list(value) if isinstance(value, list) else value for name, value in self.__dict__.items()}

    def __str__(self) -> str:
        """The sentence."""
        return self.sentence


@dataclass(frozen=True)
class _Advice:
    """A verdict, its sentence, and the subgroup that it is about (or the name of what is not listed)."""

    verdict: str
    sentence: str
    subgroup: SubgroupFinding | None = None
    group: str = ""


def recommend(
    found: Findings, group: Group, elements: Tensor, *, kind: str = "whole", moved: bool = True
) -> Recommendation:
    """Weigh the findings.

    Labelled samples weigh most, then the closure of the data, then the contradiction test; the label-free prediction
    alone is believed only where the data are closed under the group. Of several subgroups that do the same the smallest
    is named. From fewer than five independent units nothing is called certain.

    Args:
        found: Findings of the audit.
        group: The group that was audited.
        elements: The elements that were looked at, the identity first.
        kind: What these are: ``"whole"``, ``"drawn"`` or ``"given"``.
        moved: Whether some of them moves some of the inputs: else nothing was asked of the model.
    """
    name = f"the {len(elements)} elements given" if kind == "given" else group.name
    advice = _weigh(found, name, f" over {len(elements) - 1} random elements" if kind == "drawn" else "")
    if not group.is_compact and found.broken and found.worst is not None:
        advice = _without_a_mean(found.worst, name)
    if not moved and len(elements) > 1 and not found.broken:
        advice = _Advice("unclear", _UNMOVED.format(group=name))
    members = list(advice.subgroup.members) if advice.subgroup is not None else []
    if kind == "given" and advice.verdict in ("average", "soft") and isinstance(group, FiniteGroup):
        members = elements.tolist()

    def names(places: list[int]) -> list[str]:
        return [group.describe(torch.tensor(k)) for k in places] if isinstance(group, FiniteGroup) else []

    return Recommendation(
        advice.verdict,
        advice.group if advice.subgroup is None else advice.subgroup.name,
        advice.sentence,
        evidence(found, group),
        names(members),
        members,
        names(list(found.holds)),
    )


def _without_a_mean(worst: ElementDefect, group: str) -> _Advice:
    return _Advice(
        "do not",
        f"The model breaks {group}: its relative defect is {worst.relative.value:.2g} at a {worst.element}. There is "
        "no mean over it, since it is not compact: train with moved copies of the data, or audit and average over the "
        "rotations in it.",
        group=group,
    )


def _weigh(found: Findings, group: str, looked: str) -> _Advice:
    worst = found.worst
    if worst is None or not found.broken:
        size = f"{worst.relative.value:.1e}" if worst else "0"
        if found.stochastic:
            return _Advice(
                "unclear",
                f"The model is stochastic: two runs on one input differ by {found.noise:.1e} of the predictions' "
                f"spread, and its defect under {group}, {size}, does not rise above three times that; fix its noise, "
                "audit again.",
            )
        return _Advice(
            "nothing to gain",
            f"The model already respects {group}: its relative defect{looked}, {size}, is within three times what "
            f"rounding may do ({found.floor:.1e}).",
        )
    if math.isnan(found.removed.value):
        return _Advice(
            "unclear",
            f"The model breaks {group} (relative defect {worst.relative.value:.2g}), yet one element cannot tell what "
            "averaging would remove; look at two at least.",
            group=group,
        )
    if found.independent < FEWEST:
        return _too_few(found, group)
    if found.mse is None or math.isnan(found.mse.low):
        return _without_labels(found, group)
    return _with_labels(found, found.mse, group)


def _too_few(found: Findings, group: str) -> _Advice:
    units = f"{found.independent} independent sample{'s' if found.independent != 1 else ''}"
    change = f"changes predictions by {found.removed.value / found.spread**2:.2%} of their variance"
    if found.mse is not None and found.mse_after is not None:
        change += f" and takes the MSE from {found.mse.value:.3g} to {found.mse_after.value:.3g}"
    return _Advice(
        "unclear",
        f"Averaging over {group} {change} on {units} (rows of one trajectory, nodes of one graph count once); from "
        f"fewer than {FEWEST} this cannot be called a gain or a loss.",
        group=group,
    )


def _with_labels(found: Findings, mse: Estimate, group: str) -> _Advice:
    """The first that the labels allow: average, over a subgroup or all; softly; or nothing."""
    scale = mse.value if mse.value > 0 else 1.0
    helping = [h for h in found.subgroups if _helps(h.gain, scale) and h.removed.low <= mse.high]
    return (
        _fully(found, [h for h in helping if h.closed is not False], scale, group)
        or _softly_over(helping, scale)
        or _softly_by_alpha(found, mse, scale, group)
        or _no_gain(found, mse, group)
    )


def _helps(gain: Estimate | None, scale: float) -> bool:
    return gain is not None and gain.low > 0 and gain.value >= _LITTLE * scale


def _fully(found: Findings, closed: list[SubgroupFinding], scale: float, group: str) -> _Advice | None:
    best = _largest_of_the_best(closed)
    if best is not None:
        chosen = _cheapest(closed, best)
        words = f"Average over {chosen.name}{_only(found, best, group)}: "
        fall = _fall(chosen.gain, scale, chosen.removed)
        return _Advice("average", f"{words}{fall}; {_price(chosen, best)}.", chosen)
    if not found.subgroups and _helps(found.gain, scale):
        return _Advice("average", f"Average over {group}: {_fall(found.gain, scale, found.removed)}.", group=group)
    return None


def _softly_over(helping: list[SubgroupFinding], scale: float) -> _Advice | None:
    """A subgroup that helps, though the data are not closed under it."""
    best = _largest_of_the_best(helping)
    if best is None:
        return None
    chosen = _cheapest(helping, best)
    share = chosen.gain.value / scale if chosen.gain is not None else 0.0
    return _Advice(
        "soft",
        f"Average softly over {chosen.name}: the data are not closed under it, yet the labelled MSE falls by "
        f"{share:.1%}; fit alpha on held-out samples; {_price(chosen, best)}.",
        chosen,
    )


def _softly_by_alpha(found: Findings, mse: Estimate, scale: float, group: str) -> _Advice | None:
    alpha, after, soft = found.alpha, found.mse_after, found.mse_soft
    if (
        soft is None
        or alpha is None
        or not (alpha.value > _LEAST_ALPHA and alpha.high < _MOST_ALPHA and soft < _WORTH * mse.value)
    ):
        return None
    full = "" if after is None else f"full averaging takes the MSE to {after.value / scale:.1%} of what it was, "
    return _Advice(
        "soft",
        f"Average softly over {group} with alpha = {alpha.value:.2f}: {full}a part of it to "
        f"{soft / scale:.1%}; fit alpha on held-out samples.",
        _whole(found),
        group,
    )


def _no_gain(found: Findings, mse: Estimate, group: str) -> _Advice:
    """No subgroup's gain can be told from none."""
    gain, after = found.gain, found.mse_after
    if gain is None or after is None:
        return _Advice("unclear", f"What averaging over {group} would do to the MSE was not measured.", group=group)
    change = f"on the labelled samples it takes the MSE from {mse.value:.3g} to {after.value:.3g}"
    if abs(gain.value) < _LITTLE * mse.value:
        return _Advice(
            "nothing to gain",
            f"Averaging over {group} changes the MSE, {mse.value:.3g}, by less than {_LITTLE:.1%}: nothing to gain.",
        )
    whole = _whole(found)
    rejected = whole is not None and whole.closed is False
    if gain.value > 0 and not rejected:
        share = f"{gain.value / mse.value:.1%} [{gain.low / mse.value:.1%}, {gain.high / mse.value:.1%}]"
        why = "this cannot be told from none" if gain.low <= 0 else "predictions change by more than the MSE allows"
        return _Advice(
            "unclear", f"Averaging over {group} lowers the MSE by {share} of it, but {why}: {change}.", group=group
        )
    why = "the data are not closed under it" if rejected else "it does not lower the MSE"
    return _Advice("do not", f"Do not average over {group}: {why}; {change}.")


def _whole(found: Findings) -> SubgroupFinding | None:
    return max(found.subgroups, key=lambda h: h.order, default=None)


def _largest_of_the_best(subgroups: list[SubgroupFinding]) -> SubgroupFinding | None:
    """The largest subgroup among those whose gain is not clearly below the best one."""
    gains = [(h.gain, h) for h in subgroups if h.gain is not None]
    if not gains:
        return None
    best, _ = max(gains, key=lambda pair: pair[0].value)
    enough = best.low - _ROUNDING * abs(best.value)
    return max((pair for pair in gains if pair[0].value >= enough), key=lambda pair: (pair[1].order, pair[0].value))[1]


def _cheapest(candidates: list[SubgroupFinding], best: SubgroupFinding) -> SubgroupFinding:
    """The smallest subgroup that removes, and gains, almost what the best one does; of equals what removes most."""

    def enough(h: SubgroupFinding) -> bool:
        # At the samples themselves chance may favour a subgroup: it must do as much at all their moved copies.
        if h.removed.value < _ALMOST * best.removed.value or h.share < _ALMOST * best.share:
            return False
        return best.gain is None or (h.gain is not None and h.gain.value >= _ALMOST * best.gain.value)

    # A tie that rounding decides would hang on the machine: of equals the first in the list.
    size = best.removed.value or 1.0
    return min(
        (h for h in candidates if enough(h)), key=lambda h: (h.order, -round(h.removed.value / size, 6)), default=best
    )


def _only(found: Findings, best: SubgroupFinding, group: str) -> str:
    """Why not the whole group."""
    whole = _whole(found)
    if whole is None or best.order == whole.order:
        return ""
    if whole.closed is False:
        return f" (the data are not closed under all of {group})"
    if whole.gain is not None and best.gain is not None and whole.gain.value < best.gain.value:
        return f" (all of {group} would gain less)"
    return f" (whether all of {group} would gain is not certain)"


def _price(chosen: SubgroupFinding, best: SubgroupFinding) -> str:
    """How often the model is run, and what a larger subgroup would add for more."""
    if chosen.order == best.order:
        return f"the price is {chosen.order} copies"
    share = min(chosen.removed.value / best.removed.value, 1.0) if best.removed.value > 0 else 1.0
    return (
        f"the price is {chosen.order} copies, which remove {share:.1%} of what the {best.order} copies of {best.name} "
        "would"
    )


def _fall(gain: Estimate | None, mse: float, removed: Estimate) -> str:
    if gain is None:
        return f"{removed.value / mse:.1%} of the MSE was predicted to go without labels"
    low, high = gain.low / mse, gain.high / mse
    return (
        f"the MSE falls by {gain.value / mse:.1%} [{low:.1%}, {high:.1%}] on the labelled samples; "
        f"{removed.value / mse:.1%} was predicted without labels"
    )


def _without_labels(found: Findings, group: str) -> _Advice:
    # Without labels nothing checks the prediction, so the tests must have had the power to reject.
    closed = [h for h in found.subgroups if h.closed and found.trajectories >= _LABEL_FREE]
    size = found.spread**2
    if closed:
        best = max(closed, key=lambda h: (h.order, h.removed.value))
        share = best.removed.value / size
        if best.removed.value**0.5 <= 3 * found.floor * found.spread:
            return _Advice(
                "nothing to gain",
                f"The model already respects {best.name}, the largest subgroup of {group} that the data do not reject.",
                best,
            )
        if share < _LITTLE_CHANGE:
            return _Advice(
                "nothing to gain",
                f"Averaging over {best.name} would change predictions by less than {_LITTLE_CHANGE:.2%} of their "
                "variance: nothing to gain.",
            )
        chosen = _cheapest(closed, best)
        return _Advice(
            "average",
            f"Average over {chosen.name}{_only(found, best, group)}: the MSE should fall by {chosen.removed:.3g} "
            f"({chosen.removed.value / size:.2%} of the predictions' variance); no labels were used; "
            f"{_price(chosen, best)}.",
            chosen,
        )
    if any(h.closed is False for h in found.subgroups):
        return _Advice(
            "do not",
            f"Do not average over {group} unchecked: the data are not closed under it; labelled samples would decide.",
        )
    why = f"with {found.trajectories} independent trajectories (at least {_LABEL_FREE} are needed)"
    if not found.closure:
        why = "without a test of whether the data are closed under it"
    elif found.trajectories >= _LABEL_FREE:
        why = f"with {found.trajectories} independent trajectories, too few to reject one of {len(found.closure)} tests"
    return _Advice(
        "unclear",
        f"Averaging over {group} would change predictions by {found.removed.value / size:.2%} of their variance; "
        f"without labels, and {why}, this cannot be called a gain.",
        group=group,
    )
