"""One sentence: average, average softly, or do not; with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from haar.audit.findings import Findings, SubgroupFinding

#: Independent trajectories below which closure of the data is not relied on without labels.
_LABEL_FREE = 20


@dataclass(frozen=True)
class Recommendation:
    """What to do, and why.

    Attributes:
        verdict: ``"average"``, ``"soft"``, ``"do not"``, ``"nothing to gain"`` or ``"unclear"``.
        group: The (sub)group to average over; empty where there is none.
        sentence: The recommendation in one sentence.
        evidence: What it rests on, one line each.
    """

    verdict: str
    group: str
    sentence: str
    evidence: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "verdict": self.verdict,
            "group": self.group,
            "sentence": self.sentence,
            "evidence": list(self.evidence),
        }


def recommend(found: Findings, group: str) -> Recommendation:
    """Weigh the findings.

    Labelled samples weigh most, then the closure of the data, then the contradiction test; the label-free prediction
    alone is believed only where the data are closed under the group.

    Args:
        found: What the audit found.
        group: Name of the group.
    """
    evidence = _evidence(found)
    worst = found.worst
    if worst is None or worst.relative.value <= 3 * found.floor:
        size = f"{worst.relative.value:.1e}" if worst else "0"
        if found.stochastic:
            return Recommendation(
                "unclear",
                "",
                f"The model is stochastic: two runs on one input differ by {found.floor:.1e} of the predictions' "
                f"spread, and its defect under {group}, {size}, does not rise above that; fix its noise, audit again.",
                evidence,
            )
        return Recommendation(
            "nothing to gain",
            "",
            f"The model already respects {group}: its relative defect {size} is within rounding ({found.floor:.1e}).",
            evidence,
        )
    if found.mse is None:
        return _without_labels(found, group, evidence)
    return _with_labels(found, group, evidence)


def _with_labels(found: Findings, group: str, evidence: list[str]) -> Recommendation:
    mse = found.mse
    if mse is None:
        return _without_labels(found, group, evidence)
    helping = [h for h in found.subgroups if h.gain is not None and h.gain.low > 0 and h.removed.low <= mse.high]
    sound = [h for h in helping if h.closed is not False]
    best = _largest_of_the_best(sound)
    if best is not None:
        return Recommendation("average", best.name, _average_sentence(best, mse.value, group), evidence)
    if not found.subgroups and found.gain is not None and found.gain.low > 0:
        share = found.gain.value / mse.value
        low, high = found.gain.low / mse.value, found.gain.high / mse.value
        return Recommendation(
            "average",
            group,
            f"Average over {group} (sampled): the MSE falls by {share:.1%} [{low:.1%}, {high:.1%}] on the labelled "
            f"samples; {found.removed.value / mse.value:.1%} was predicted without labels.",
            evidence,
        )
    softly = _largest_of_the_best(helping)
    if softly is not None:
        share = (softly.gain.value if softly.gain else 0.0) / mse.value
        return Recommendation(
            "soft",
            softly.name,
            f"Average softly over {softly.name}: the data are not closed under it, yet the labelled MSE falls by "
            f"{share:.1%}; fit alpha on held-out samples.",
            evidence,
        )
    if (
        found.mse_soft is not None
        and found.alpha is not None
        and found.alpha.high < 0.95
        and found.mse_soft < 0.98 * mse.value
    ):
        return Recommendation(
            "soft",
            group,
            f"Average softly over {group} with alpha = {found.alpha.value:.2f}: full averaging does not lower the MSE, "
            f"a part of it does (to {found.mse_soft / mse.value:.1%}).",
            evidence,
        )
    why = (
        "the data are not closed under it"
        if any(h.closed is False for h in found.subgroups)
        else "it does not lower the MSE"
    )
    after = (
        ""
        if found.mse_after is None
        else f"; it would take the MSE from {mse.value:.3g} to {found.mse_after.value:.3g}"
    )
    return Recommendation("do not", "", f"Do not average over {group}: {why}{after}.", evidence)


def _largest_of_the_best(subgroups: list[SubgroupFinding]) -> SubgroupFinding | None:
    """The largest subgroup among those whose gain is not clearly below the best one."""
    gains = [(h.gain, h) for h in subgroups if h.gain is not None]
    if not gains:
        return None
    best, _ = max(gains, key=lambda pair: pair[0].value)
    return max((pair for pair in gains if pair[0].value >= best.low), key=lambda pair: (pair[1].order, pair[0].value))[
        1
    ]


def _average_sentence(best: SubgroupFinding, mse: float, group: str) -> str:
    gain = best.gain
    share = 0.0 if gain is None else gain.value / mse
    low, high = (0.0, 0.0) if gain is None else (gain.low / mse, gain.high / mse)
    only = "" if best.name == group else f", a subgroup of {group} (the whole group is worse or not supported)"
    predicted = best.removed.value / mse
    return (
        f"Average over {best.name}{only}: the MSE falls by {share:.1%} [{low:.1%}, {high:.1%}] on the labelled "
        f"samples; {predicted:.1%} was predicted without labels."
    )


def _without_labels(found: Findings, group: str, evidence: list[str]) -> Recommendation:
    # Without labels nothing checks the prediction, so the tests must have had the power to reject.
    closed = [h for h in found.subgroups if h.closed and found.trajectories >= _LABEL_FREE]
    size = found.spread**2
    if closed:
        best = max(closed, key=lambda h: (h.order, h.removed.value))
        if best.removed.value <= 0 or best.removed.value**0.5 <= 3 * found.floor * found.spread:
            return Recommendation(
                "nothing to gain",
                best.name,
                f"The model already respects {best.name}, the largest subgroup the data allow.",
                evidence,
            )
        only = "" if best.name == group else f", the largest subgroup of {group} that the data do not reject"
        return Recommendation(
            "average",
            best.name,
            f"Average over {best.name}{only}: the MSE should fall by {best.removed:.3g} "
            f"({best.removed.value / size:.2%} of the predictions' variance); no labels were used.",
            evidence,
        )
    if any(h.closed is False for h in found.subgroups):
        return Recommendation(
            "do not",
            "",
            f"Do not average over {group} unchecked: the data are not closed under it; labelled samples would decide.",
            evidence,
        )
    why = f"with {found.trajectories} independent trajectories (at least {_LABEL_FREE} are needed)"
    if not found.closure:
        why = "without a test of whether the data are closed under it"
    return Recommendation(
        "unclear",
        group,
        f"Averaging over {group} would change predictions by {found.removed.value / size:.2%} of their variance; "
        f"without labels, and {why}, this cannot be called a gain.",
        evidence,
    )


def _evidence(found: Findings) -> list[str]:
    lines = [
        f"floor: relative {found.floor:.1e}" + (" (the model is stochastic)" if found.stochastic else " (rounding)")
    ]
    worst = found.worst
    if worst is not None:
        lines.append(f"largest defect: {worst.element}, relative {worst.relative:.3g}")
    lines.append(f"averaging removes {found.removed:.3g} of mean square (no labels)")
    if found.mse is not None:
        lines.append(f"MSE {found.mse:.3g}" + (f", averaged {found.mse_after:.3g}" if found.mse_after else ""))
    if found.alpha is not None:
        lines.append(f"least-squares alpha {found.alpha:z.2f} (0: average fully, 1: leave the model)")
    against = [e.element for e in found.elements if e.contradiction]
    if against:
        lines.append(f"contradiction: {', '.join(against)} change predictions by more than twice the root MSE")
    if found.closure:
        broken = [f"{c.element} (p = {c.p:.3g}, {c.statistic})" for c in found.closure if c.p <= 0.05]
        untold = bool(found.subgroups) and all(h.closed is None for h in found.subgroups)
        kept = "too few independent trajectories to tell" if untold else "no element is rejected"
        lines.append("data: " + (f"not closed under {', '.join(broken)}" if broken else kept))
    return lines
