"""What must come out, judged on the measures of all seeds; units are test samples, paths and networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haar.systems.claim import Claim
from haar.systems.constitutive.comparisons import (
    AT_TEST,
    AUGMENTED,
    AVERAGED,
    ENERGY,
    HOOKE,
    PLAIN,
    PRODUCTS,
    REGULAR,
    SLIDING,
    STANDARD,
    TENSOR,
    WRONG,
    ZERO,
)
from haar.systems.sample import Sample, ratio

Measures = Mapping[str, Any]
_TFENN = "arXiv 2312.13511, abstract"
_SECTION = "arXiv 2312.13511, section on data efficiency"
_OWN = "our trial"
EXACT, SCALAR = 1e-12, 1e-2
#: Networks that are symmetric by construction, and those that are not.
_EXACT = (TENSOR, PRODUCTS, REGULAR, ENERGY, STANDARD, SLIDING, AVERAGED, AT_TEST)
_KINDS = ("lattice", "hexagon", "plastic", "zener", "neo-Hookean", "orientations")


def fewest(cells: Measures) -> Measures:
    """The networks that learned from the fewest samples."""
    return cells[min(cells, key=int)]  # type: ignore[no-any-return]


def most(cells: Measures) -> Measures:
    """Those that learned from the most."""
    return cells[max(cells, key=int)]  # type: ignore[no-any-return]


def errors(upper: str, lower: str, pick: Callable[[Measures], Measures] = fewest) -> Callable[[Measures], Sample]:
    """The ratio of two networks' mean squared errors, over the test samples of all seeds."""
    return lambda cells: ratio(pick(cells)[upper]["squares"], pick(cells)[lower]["squares"], "mean")


def exact_defects(measures: Measures) -> list[Any]:
    """Relative defects of what is symmetric by construction. The cube's average of an isotropic law is not."""
    return [
        network["defect"]
        for kind in _KINDS
        for networks in measures.get(kind, {}).values()
        for name, network in networks.items()
        if name in _EXACT and not (kind == "neo-Hookean" and name == AVERAGED)
    ]


def plain_defects(measures: Measures) -> list[Any]:
    """Relative defects of plain networks."""
    return [cells[PLAIN]["defect"] for kind in _KINDS for cells in measures.get(kind, {}).values()]


def _better(name: str, words: str, source: str, part: str, *, ours: str, other: str, bound: float, pick: Any = fewest,
            reported: str = "") -> Claim:  # fmt: skip
    return Claim(name, words, source, errors(ours, other, pick), at_most=bound, part=part, reported=reported)


CLAIMS = (
    *(
        _better(
            f"{part}: {key}",
            f"{part}: error of the {words} over that of {other}",
            "trivial baseline",
            part,
            ours=ours,
            other=other,
            bound=1.0,
        )
        for part, ours, words in (
            ("neo-Hookean", TENSOR, "tensor network"),
            ("lattice", TENSOR, "tensor network"),
            ("hexagon", ENERGY, "invariant energy"),
            ("plastic", TENSOR, "recurrent tensor network"),
            ("zener", STANDARD, "standard material"),
            ("orientations", ENERGY, "invariant energy"),
        )
        for key, other in (("no stress", ZERO), ("Hooke's law", HOOKE))
    ),
    Claim(
        "exact",
        "tensor networks, energies and averages are equivariant in float64 (relative)",
        "by construction",
        exact_defects,
        at_most=EXACT,
        every=True,
        reported="numerical precision",
    ),
    Claim(
        "plain networks are not",
        "plain networks have not learned the symmetry (relative defect)",
        _TFENN,
        plain_defects,
        at_least=SCALAR,
    ),
    _better(
        "isotropic: plain",
        "neo-Hookean, at most 100 samples: tensor network's error over the plain network's",
        _SECTION,
        "neo-Hookean",
        ours=TENSOR,
        other=PLAIN,
        bound=0.4,
        reported="better when data are limited",
    ),
    _better(
        "isotropic: augmented",
        "... over that of a plain network with random rotations",
        _SECTION,
        "neo-Hookean",
        ours=TENSOR,
        other=AUGMENTED,
        bound=0.9,
    ),
    _better(
        "isotropic: energy",
        "an energy of invariants has a lower error still (over the tensor network's)",
        _OWN,
        "neo-Hookean",
        ours=ENERGY,
        other=TENSOR,
        bound=1.0,
    ),
    Claim(
        "too large a group",
        "lattice: the error of a network for all rotations over that of the right group",
        _OWN,
        errors(WRONG, TENSOR, most),
        at_least=10.0,
        part="lattice",
    ),
    Claim(
        "tensor features",
        "hexagon, 500 samples and more: tensor features have a floor (error over that with products)",
        "tensor features commute with more than D6",
        errors(TENSOR, PRODUCTS, most),
        at_least=5.0,
        part="hexagon",
    ),
    Claim(
        "the floor is no matter of training",
        "... over that of an energy of invariants, which tell D6 from all rotations",
        _OWN,
        errors(TENSOR, ENERGY, most),
        at_least=5.0,
        part="hexagon",
    ),
    _better(
        "paths: averaged at test time",
        "elastoplastic paths: error of a network averaged at test time over the plain one's",
        "arXiv 2409.02478",
        "plastic",
        ours=AT_TEST,
        other=PLAIN,
        bound=1.0,
        reported="about 19 % lower",
    ),
    _better(
        "paths: averaged in training",
        "... of one averaged in training over that of one averaged at test time",
        _OWN,
        "plastic",
        ours=AVERAGED,
        other=AT_TEST,
        bound=1.0,
    ),
    _better(
        "paths: tensors",
        "... of a recurrent tensor network over a plain one",
        _TFENN,
        "plastic",
        ours=TENSOR,
        other=PLAIN,
        bound=1.0,
    ),
    _better(
        "standard material",
        "viscous paths, 40 of them: error of a standard material over a plain recurrent network's",
        _OWN,
        "zener",
        ours=STANDARD,
        other=PLAIN,
        bound=0.5,
    ),
    Claim(
        "dissipation",
        "untrained laws dissipate on every increment (least)",
        "Halphen and Nguyen 1975",
        lambda m: list(m["dissipation"].values()),
        at_least=-1e-14,
        every=True,
        part="readings",
    ),
    Claim(
        "averaging never harms",
        "on symmetric data, averaging at test time does not raise the squared error (ratio)",
        "projection",
        lambda m: m["orbits"]["averaged"] / m["orbits"]["plain"],
        at_most=1.0 + 1e-12,
        every=True,
        part="readings",
    ),
    Claim(
        "axes",
        "learned axes find the lattice's angle, modulo 45 degrees (degrees off)",
        _TFENN,
        lambda m: m["axes"]["degrees"],
        at_most=1.0,
        part="readings",
        reported="discovered",
    ),
    _better(
        "unseen orientations: plain",
        "crystal pulled near one axis, tested near all: energy's error over the plain network's",
        _OWN,
        "orientations",
        ours=ENERGY,
        other=PLAIN,
        bound=0.1,
    ),
    _better(
        "unseen orientations: augmented",
        "... over that of a plain network with random elements of the group",
        _OWN,
        "orientations",
        ours=ENERGY,
        other=AUGMENTED,
        bound=1.0,
    ),
    Claim(
        "closed cycles: energy",
        "laws with an energy do no work in closed cycles (over what passes)",
        "by construction",
        lambda m: m["cycles"]["invariant energy"] + m["cycles"]["convex energy"],
        at_most=1e-10,
        every=True,
        part="readings",
    ),
    Claim(
        "closed cycles: no energy",
        "... tensor networks without one do",
        _OWN,
        lambda m: m["cycles"]["tensor network"],
        at_least=1e-6,
        part="readings",
    ),
    Claim(
        "Newton",
        "plate with a hole: Newton's method with the learned law is quadratic (least order)",
        "consistent tangent",
        lambda m: m["plate"]["learned law"]["order"],
        at_least=1.8,
        part="readings",
    ),
    Claim(
        "Newton's steps",
        "... and takes as many steps as with the crystal's own law (most of the differences)",
        "consistent tangent",
        lambda m: max(
            abs(a - b) for a, b in zip(m["plate"]["learned law"]["steps"], m["plate"]["own law"]["steps"], strict=True)
        ),
        at_most=0,
        every=True,
        part="readings",
    ),
    Claim(
        "the plate",
        "... and the displacements are those of the crystal's own law (largest error, relative)",
        _OWN,
        lambda m: m["plate"]["displacement error"],
        at_most=0.02,
        part="readings",
    ),
)
