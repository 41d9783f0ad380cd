"""What must come out, judged on the measures of all seeds. Times are told and not judged: they are the machine's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from haar.systems.effect import Bound, Effect
from haar.systems.intertwiners.learning import AUGMENTED, EQUIVARIANT
from haar.systems.intertwiners.tasks import EQUAL_SIZE, EQUAL_WIDTH

Measures = Mapping[str, Any]
EXACT = 1e-10
_REASON = "the reason to enforce it"


def judge(measures: Sequence[Measures]) -> list[Effect]:
    """All claims."""

    def effect(name: str, measure: Callable[[Measures], float], bound: Bound, claim: str, source: str) -> Effect:
        return Effect.measured(name, [measure(each) for each in measures], bound, claim=claim, source=source)

    def error(name: str, key: str, claim: str, source: str) -> Effect:
        return effect(name, lambda m: _largest(m, key), Bound(high=EXACT), claim, source)

    found = [
        effect(
            "characters",
            lambda m: _wrong(m, "characters"),
            Bound(high=0),
            "the maps that are found are as many as the mean of chi_out chi_in says (pairs where they are not)",
            "Schur's lemma",
        ),
        effect(
            "Molien",
            lambda m: _wrong(m, "molien"),
            Bound(high=0),
            "... and as Molien's series has equivariant polynomials of degree one (pairs where they are not)",
            "Molien 1897",
        ),
        effect(
            "closed forms",
            lambda m: sum(
                pair["known"] is not None and pair["known"][0] != pair["dim"] for pair in m["pairs"].values()
            ),
            Bound(high=0),
            "... and as closed forms say: Bell numbers, group orders, isotropic tensors, elastic constants",
            "pairs with a closed form",
        ),
        error("equivariance", "equivariance", "random maps of every space commute with random elements", "definition"),
        error("idempotent", "idempotent", "projecting twice is projecting once", "projector"),
        error("self-adjoint", "self_adjoint", "the projector is self-adjoint", "projector"),
        error("orthonormal", "orthonormal", "bases are orthonormal", "by construction"),
        error("average", "reynolds", "the projection is the average over the group, made without a basis", "Reynolds"),
        error("routes", "routes", "orbits and isotypic blocks give one space where both apply", "two algorithms"),
        effect(
            "networks are exact",
            lambda m: max(cell["networks"][EQUIVARIANT]["defect"] for cell in m["curves"]),
            Bound(high=EXACT),
            "trained equivariant networks are equivariant in float64 (largest relative defect)",
            "by construction",
        ),
        effect(
            "plain networks are not",
            lambda m: min(cell["networks"][EQUAL_WIDTH]["defect"] for cell in m["curves"]),
            Bound(low=1e-3),
            "plain networks of equal width have not learned the symmetry (least relative defect)",
            _REASON,
        ),
    ]
    for other, words in {EQUAL_WIDTH: "equal width", EQUAL_SIZE: "equal parameters"}.items():
        claim = f"equivariant networks err less than plain ones of {words}, on the fewest samples of every task (ratio)"
        found.append(_fewer(measures, "few samples: " + words, other, claim))
    found.append(
        effect(
            "augmentation is not exact",
            lambda m: min(cell["networks"][AUGMENTED]["defect"] for cell in m["curves"]),
            Bound(low=1e-3),
            "augmentation by random elements does not make a plain network equivariant (least relative defect)",
            _REASON,
        )
    )
    return found


def _fewer(measures: Sequence[Measures], name: str, other: str, claim: str) -> Effect:
    """That another network errs at least as much, in the median over seeds."""
    ratios = [advantage(each, other) for each in measures]
    return Effect.measured(name, ratios, Bound(low=1.0), claim=claim, source=_REASON, in_every_seed=False)


def advantage(measures: Measures, other: str) -> float:
    """Another network's error over the equivariant one's, on the fewest samples of a task; the least over tasks."""
    cells = measures["curves"]
    fewest = {task: min(c["samples"] for c in cells if c["task"] == task) for task in (c["task"] for c in cells)}
    networks = [cell["networks"] for cell in cells if cell["samples"] == fewest[cell["task"]]]
    return float(min(one[other]["error"] / one[EQUIVARIANT]["error"] for one in networks))


def _wrong(measures: Measures, key: str) -> int:
    """Pairs where a count that is known differs from the number of maps."""
    return sum(pair[key] is not None and pair[key] != pair["dim"] for pair in measures["pairs"].values())


def _largest(measures: Measures, key: str) -> float:
    return max(float(pair[key]) for pair in measures["pairs"].values() if pair[key] is not None)
