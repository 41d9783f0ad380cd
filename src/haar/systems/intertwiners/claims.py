"""What must come out, judged on the measures of all seeds. Times are told and not judged: they are the machine's.

What is proved must hold of every pair and network; what is learnt is judged on the held-out samples of all seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.claim import Claim
from haar.systems.intertwiners.learning import AUGMENTED, EQUIVARIANT, LINEAR, MEAN
from haar.systems.intertwiners.tasks import EQUAL_SIZE, EQUAL_WIDTH, TASKS
from haar.systems.sample import Sample, ratio, value

Measures = Mapping[str, Any]
EXACT = 1e-10
_REASON = "the reason to enforce it"


def known(measures: Measures, key: str) -> list[Any]:
    """One number of every pair that has it."""
    return [pair[key] for pair in measures["pairs"].values() if key in pair]


def miscounted(measures: Measures, key: str) -> int:
    """Pairs where a count that is known differs from the number of maps."""
    return sum(pair[key] != pair["dim"] for pair in measures["pairs"].values() if key in pair)


def defects(measures: Measures, network: str) -> list[Any]:
    """Relative defects of a network, for every task and number of samples."""
    return [cell["networks"][network]["defect"] for cell in measures["curves"]]


def advantage(measures: Measures, task: str, other: str) -> Sample:
    """Another model's error over the equivariant network's, on the fewest training samples of a task."""
    cells = [cell for cell in measures["curves"] if cell["task"] == task]
    networks = min(cells, key=lambda cell: int(cell["samples"]))["networks"]
    return ratio(networks[other]["squares"], networks[EQUIVARIANT]["squares"], "mean")


#: Beside whom the equivariant network learns: short names, and in words.
_OTHERS = {
    MEAN: ("the mean", "the mean of the training targets"),
    LINEAR: ("linear", "the linear map of least squares"),
    EQUAL_WIDTH: ("equal width", "a plain network of equal width"),
    EQUAL_SIZE: ("equal parameters", "a plain network of equal parameters"),
    AUGMENTED: ("augmented", "a plain network of equal width, with augmentation by random elements,"),
}


def _error(name: str, key: str, claim: str, source: str) -> Claim:
    return Claim(name, claim, source, lambda m: known(m, key), at_most=EXACT, every=True)


CLAIMS = (
    Claim(
        "characters",
        "the maps that are found are as many as the mean of chi_out chi_in says (pairs where they are not)",
        "Schur's lemma",
        lambda m: miscounted(m, "characters"),
        at_most=0,
        every=True,
    ),
    Claim(
        "Molien",
        "... and as Molien's series has equivariant polynomials of degree one (pairs where they are not)",
        "Molien 1897",
        lambda m: miscounted(m, "molien"),
        at_most=0,
        every=True,
    ),
    Claim(
        "closed forms",
        "... and as closed forms say: Bell numbers, group orders, isotropic tensors, elastic constants",
        "pairs with a closed form",
        lambda m: miscounted(m, "known"),
        at_most=0,
        every=True,
    ),
    Claim(
        "two counts",
        "... and as the other algorithm finds, where both apply (pairs where they differ)",
        "two algorithms",
        lambda m: miscounted(m, "dim_isotypic"),
        at_most=0,
        every=True,
    ),
    _error("equivariance", "equivariance", "random maps of every space commute with random elements", "definition"),
    _error("idempotent", "idempotent", "projecting twice is projecting once", "projector"),
    _error("self-adjoint", "self_adjoint", "the projector is self-adjoint", "projector"),
    _error("orthonormal", "orthonormal", "bases are orthonormal", "by construction"),
    _error("average", "reynolds", "the projection is the average over the group, made without a basis", "Reynolds"),
    _error("routes", "routes", "orbits and isotypic blocks give one space where both apply", "two algorithms"),
    Claim(
        "networks are exact",
        "trained equivariant networks are equivariant in float64 (relative defects)",
        "by construction",
        lambda m: defects(m, EQUIVARIANT),
        at_most=EXACT,
        every=True,
    ),
    Claim(
        "plain networks are not",
        "plain networks of equal width have not learned the symmetry (relative defects)",
        _REASON,
        lambda m: value(defects(m, EQUAL_WIDTH)),
        at_least=1e-3,
    ),
    *(
        Claim(
            f"few samples, {task}: {name}",
            f"{task}: error of {words} over the equivariant network's, on the fewest training samples",
            "trivial baseline" if other in (MEAN, LINEAR) else _REASON,
            lambda m, task=task, other=other: advantage(m, task, other),  # type: ignore[misc]
            at_least=1.0,
            when=lambda m, task=task: any(cell["task"] == task for cell in m["curves"]),  # type: ignore[misc]
        )
        for task in TASKS
        for other, (name, words) in _OTHERS.items()
    ),
    Claim(
        "augmentation is not exact",
        "augmentation by random elements does not make a plain network equivariant (relative defects)",
        _REASON,
        lambda m: value(defects(m, AUGMENTED)),
        at_least=1e-3,
    ),
)
