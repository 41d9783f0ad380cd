"""What must come out, judged on the measures of all seeds. Times are told and not judged: they are the machine's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.claim import Claim
from haar.systems.sample import Sample, ratio, value

Measures = Mapping[str, Any]
_NULL = "LieGG, arXiv 2210.04345; LieSD, arXiv 2410.09841"
_LIEGAN = "LieGAN, arXiv 2302.00236, top tagging"
_MLSD = "MLSD, arXiv 2412.14632, Kepler"
_COUNT = "commutant of the free centre of mass, and relative rotations"
_ESM = "ESM, arXiv 2503.03014"
_WEAK = "weak form of invariance; Chiu and Bloem-Reddy, arXiv 2307.15834"
_DEFINITION = "definition"


def wrong_names(measures: Measures) -> int:
    """Planted cases, exact or in single precision, that are not told as four vectors and one."""
    content = ["4 x spin 1", "1 x spin 1"]
    cases = [measures["planted"][name] for name in ("exact", "float32")]
    return sum(case["name"] != "so(3)" or case["content"] != content for case in cases)


def growth(measures: Measures, key: str) -> float:
    """How much a number grows when the breaking term grows tenfold."""
    planted = measures["planted"]
    return float(planted["broken .1"][key]) / float(planted["broken .01"][key])


def change(measures: Measures, key: str) -> float:
    """The largest relative change of a number between coordinates."""
    values = [case["ours"][key] for case in measures["units"].values()]
    found: float = max(abs(v / values[0] - 1) for v in values)
    return found


def miscounted(cases: Mapping[str, Any]) -> int:
    """Cases whose number of generators is not the one expected."""
    return sum(case["count"] != case["expected"] for case in cases.values())


def good_networks(measures: Measures) -> list[Any]:
    """Networks of so(3) data whose error is small enough to be looked at."""
    return [one for one in measures["rotations"]["networks"] if one["error"] <= 0.35]


def snapping(measures: Measures) -> Sample:
    """Angles of snapped algebras over those of the directions found."""
    known = [one for one in good_networks(measures) if "snapped_angle" in one]
    return ratio([one["snapped_angle"] for one in known], [one["angle"] for one in known])


CLAIMS = (
    Claim(
        "units against plain SVD",
        "in units of 1 : 100 the plain null space loses the symmetry: its angle over ours",
        _NULL,
        lambda m: ratio(
            [m["units"]["units 1 : 100"]["plain"]["angle"]], [m["units"]["units 1 : 100"]["ours"]["angle"]]
        ),
        at_least=2.0,
    ),
    Claim(
        "planted, angle",
        "an exact so(3) on four vectors is found: angle to it in degrees",
        _NULL,
        lambda m: m["planted"]["exact"]["angle"],
        at_most=1e-9,
        every=True,
    ),
    Claim(
        "planted, name",
        "it is named so(3), with four vectors on the inputs and one on the outputs, in float32 too (cases where not)",
        _DEFINITION,
        wrong_names,
        at_most=0,
        every=True,
    ),
    Claim(
        "broken, angle",
        "a breaking term ten times as large turns the algebra found ten times as far",
        "perturbation of singular spaces",
        lambda m: growth(m, "angle"),
        at_least=7.0,
        at_most=13.0,
    ),
    Claim(
        "broken, defect",
        "... and its defect is ten times as large",
        "perturbation of singular spaces",
        lambda m: growth(m, "defect"),
        at_least=7.0,
        at_most=13.0,
    ),
    Claim(
        "broken, gap",
        "... while the next direction stays far worse (ratio)",
        _NULL,
        lambda m: m["planted"]["broken .1"]["gap"],
        at_least=5.0,
    ),
    Claim(
        "Lorentz, name",
        "so(1,3) is found and named from two or three momenta (cases where not)",
        _LIEGAN,
        lambda m: sum(case["name"] != "so(1,3)" or case["signature"] != [3, 3, 0] for case in m["momenta"].values()),
        at_most=0,
        every=True,
    ),
    Claim(
        "Lorentz, metric",
        "its invariant form is Minkowski's: 1 - cosine",
        _LIEGAN,
        lambda m: [abs(case["metric"]) for case in m["momenta"].values()],
        at_most=1e-12,
        every=True,
        reported="LieGAN 2.5e-3, Augerino .80 (on their data)",
    ),
    Claim(
        "Lorentz learned, error",
        "a network learns the scalar (relative error)",
        "condition of what follows",
        lambda m: m["momenta learned"]["error"],
        at_most=0.13,
    ),
    Claim(
        "Lorentz learned, angle",
        "six directions of a trained network: largest angle to so(1,3) in degrees",
        _LIEGAN,
        lambda m: m["momenta learned"]["angle"],
        at_most=3.0,
        every=True,
        reported="LieGAN 7-12, LieNLSD 2.5-6 (on real jets)",
    ),
    Claim(
        "Lorentz learned, metric",
        "... and the metric: 1 - cosine",
        _LIEGAN,
        lambda m: m["momenta learned"]["metric"],
        at_most=1e-3,
        every=True,
    ),
    Claim(
        "two bodies",
        "two bodies have as many affine generators as theory says, 11 in the plane (cases where not)",
        _COUNT,
        lambda m: miscounted(m["two bodies"]),
        at_most=0,
        every=True,
    ),
    Claim(
        "Kepler",
        "Kepler's flow has 1 linear generator, 2 with forces, 4 with the cubic dictionary (cases where not)",
        _MLSD,
        lambda m: miscounted(m["kepler"]),
        at_most=0,
        every=True,
    ),
    Claim(
        "energy shells",
        "... of which the four do not close: the gate on brackets fails (1 if it does)",
        _MLSD,
        lambda m: float(m["kepler"]["cubic"]["failed"] == "closed"),
        at_least=1,
        every=True,
    ),
    Claim(
        "Kepler learned, angle",
        "a network of the flow map: angle of its first direction to the rotation, in degrees",
        _MLSD,
        lambda m: m["kepler learned"]["angle"],
        at_most=1.0,
        reported="LieGAN 1.2, Augerino 16 (another system)",
    ),
    Claim(
        "Kepler learned, gap",
        "... and how many times worse the next one is",
        _MLSD,
        lambda m: m["kepler learned"]["gap"],
        at_least=5.0,
    ),
    Claim(
        "waves, translations",
        "translations of a reaction and diffusion step have no defect but that of derivatives",
        "LieNLSD, arXiv 2510.01855",
        lambda m: m["waves"]["translations"],
        at_most=1e-5,
        every=True,
    ),
    Claim(
        "waves, rotation",
        "the rotation of the grid lies in the three directions found: angle in degrees",
        "LieNLSD, arXiv 2510.01855",
        lambda m: m["waves"]["rotation"],
        at_most=0.5,
    ),
    Claim(
        "waves, nothing else",
        "the fourth direction is so many times worse",
        "LieNLSD, arXiv 2510.01855",
        lambda m: m["waves"]["gap"],
        at_least=5.0,
    ),
    Claim(
        "so(3) learned",
        "of networks with an error up to .35, so(3) is found in (share)",
        _NULL,
        lambda m: value([one["name"].split(" + ")[0] == "so(3)" for one in good_networks(m)], "mean"),
        at_least=0.9,
    ),
    Claim(
        "never another",
        "... and never another algebra (networks where it is)",
        _NULL,
        lambda m: sum(one["name"].split(" + ")[0] not in ("", "so(3)") for one in good_networks(m)),
        at_most=0,
        every=True,
    ),
    Claim(
        "snapping",
        "the exact algebra near it is nearer to the truth: its angle over that of the directions found",
        "Schur's lemma",
        snapping,
        at_most=1.0,
        when=lambda m: any("snapped_angle" in one for one in good_networks(m)),
    ),
    Claim(
        "false positives, continuous",
        "networks without a symmetry are said to have one (share, scalings named apart)",
        "no peer reports it",
        lambda m: value(m["controls"]["lie"], "mean"),
        at_most=0.02,
    ),
    Claim(
        "false positives, finite",
        "... or signed permutations (share)",
        _ESM,
        lambda m: value(m["controls"]["finite"], "mean"),
        at_most=0.02,
    ),
    Claim(
        "exchanges",
        "trained networks of eight inputs have the group that they were taught among the steps (functions where not)",
        _ESM,
        lambda m: sum(
            not any(step.replace(" ", "") == name.replace(" ", "") for step in one["steps"])
            for name, one in m["exchanges"].items()
            if name != "none"
        ),
        at_most=0,
        every=True,
    ),
    Claim(
        "no exchange",
        "... and none where there is none (steps)",
        _ESM,
        lambda m: len(m["exchanges"]["none"]["steps"]),
        at_most=0,
        every=True,
        when=lambda m: "none" in m["exchanges"],
    ),
    Claim(
        "law, frames",
        "from rotated frames alone, generators accepted",
        _WEAK,
        lambda m: m["laws"]["frames"]["accepted"],
        at_least=2,
    ),
    Claim(
        "law, angle",
        "... and their angle to so(3), in degrees",
        _WEAK,
        lambda m: m["laws"]["frames"]["angle"],
        at_most=6.0,
    ),
    Claim(
        "law, others",
        "nothing is accepted of an exponential law, of clusters, of a Gaussian",
        _WEAK,
        lambda m: [m["laws"][name]["accepted"] for name in ("exponential", "clusters", "gaussian")],
        at_most=0,
        every=True,
    ),
    Claim(
        "law, Gaussian",
        "a Gaussian is told as such (share of seeds)",
        _WEAK,
        lambda m: float(m["laws"]["gaussian"]["gaussian"]),
        at_least=1,
    ),
    Claim(
        "units, gap",
        "gap and angle do not depend on units: largest relative change of the gap",
        _DEFINITION,
        lambda m: change(m, "gap"),
        at_most=1e-3,
        every=True,
    ),
    Claim(
        "units, angle",
        "... and of the angle",
        _DEFINITION,
        lambda m: change(m, "angle"),
        at_most=1e-3,
        every=True,
    ),
)
