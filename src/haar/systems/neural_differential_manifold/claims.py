"""What must come out, judged on the measures of all seeds.

The paper has no experiment and no number; what is claimed of geometry is proved, and what is learned is our own choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.claim import Claim
from haar.systems.neural_differential_manifold.disc import AFTER, AUGMENTED, CONSTANT, PLAIN, WITHIN
from haar.systems.sample import Sample, ratio, value

Measures = Mapping[str, Any]
_PROVED, _CLOSED = "proved", "closed forms"
_PAPER = "arXiv 2510.25113, abstract"


def unpenalised(measures: Measures) -> Mapping[str, Any]:
    """The metric of the sphere that was learned without a price on curvature: the first."""
    found: Mapping[str, Any] = measures["sphere"]["learned"][0]
    return found


def penalised(measures: Measures) -> Mapping[str, Any]:
    """... and with the highest: the last."""
    found: Mapping[str, Any] = measures["sphere"]["learned"][-1]
    return found


def errors(measures: Measures, name: str) -> list[Any]:
    """Relative errors on the disc, for every number of observations."""
    return [row["errors"][name] for row in measures["disc"]]


def on_disc(above: str, below: str) -> Any:
    """A statistic: errors in one way over those in another, of the same data."""

    def statistic(measures: Measures) -> Sample:
        return ratio(errors(measures, above), errors(measures, below), "median", paired=True)

    return statistic


CLAIMS = (
    Claim(
        "beats a constant metric, sphere",
        "the learned metric of the sphere is nearer than the best that is the same everywhere (ratio of errors)",
        "trivial baseline",
        lambda m: ratio([unpenalised(m)["error"]], [m["sphere"]["constant"]["error"]]),
        at_most=1.0,
    ),
    Claim(
        "beats a constant metric, disc",
        "a metric of the disc averaged in training is nearer than the best constant one (ratio of errors)",
        "trivial baseline",
        on_disc(WITHIN, CONSTANT),
        at_most=1.0,
    ),
    Claim(
        "... and without symmetry",
        "so is the plain one, from the most observations",
        "trivial baseline",
        lambda m: ratio(errors(m, PLAIN)[-1:], errors(m, CONSTANT)[-1:], "median", paired=True),
        at_most=1.0,
    ),
    Claim(
        "curvature is exact",
        "scalar curvature of plane, sphere, half plane, disc and the decoder of a sphere (errors)",
        _CLOSED,
        lambda m: [space["error"] for space in m["spaces"].values()],
        at_most=1e-10,
        every=True,
    ),
    Claim(
        "motions are found",
        "as many affine Killing fields are found as each space has (spaces where they are not)",
        _CLOSED,
        lambda m: sum(space["motions"] != space["known"] for space in m["spaces"].values() if "known" in space),
        at_most=0,
        every=True,
    ),
    Claim(
        "order of geodesics",
        "the distance to the great circle falls sixteenfold when steps are halved",
        "order four",
        lambda m: [m["great circle"][0] / m["great circle"][1], m["great circle"][1] / m["great circle"][2]],
        at_least=14.0,
        at_most=18.0,
        every=True,
    ),
    Claim(
        "geodesics of a decoder",
        "lengths of geodesics in the latent space of a sphere's decoder (errors beside great circles)",
        _CLOSED,
        lambda m: m["decoder"]["error"],
        at_most=1e-6,
        every=True,
    ),
    Claim(
        "no longer than straight lines",
        "geodesics between latent points over the straight lines between them (ratio of lengths)",
        "definition",
        lambda m: m["decoder"]["shorter"],
        at_most=1.0 + 1e-6,
        every=True,
    ),
    Claim(
        "natural steps",
        "the gap between one natural-gradient step in two charts falls fourfold when the step is halved",
        "Amari 1998",
        lambda m: [pair["natural"] for pair in m["charts"]],
        at_least=3.5,
        at_most=4.5,
    ),
    Claim(
        "plain steps",
        "... and that of plain gradient steps twofold",
        "first order",
        lambda m: [pair["plain"] for pair in m["charts"]],
        at_least=1.8,
        at_most=2.2,
    ),
    Claim(
        "random metrics have no symmetry",
        "isometry defect of random metrics under C4, D3 and signs",
        "the reason to average",
        lambda m: [row["raw"] for row in m["averaged"]],
        at_least=0.05,
        every=True,
    ),
    *(
        Claim(
            f"averaged metrics have it, {words}",
            f"isometry defect of the {words} average",
            _PROVED,
            lambda m, how=how: [row[how] for row in m["averaged"]],  # type: ignore[misc]
            at_most=1e-12,
            every=True,
        )
        for how, words in (("mean", "arithmetic"), ("log", "log-Euclidean"))
    ),
    Claim(
        "their curvature is invariant",
        "change of an averaged metric's scalar curvature along orbits, relative",
        _PROVED,
        lambda m: [row[f"{how} curvature"] for row in m["averaged"] for how in ("mean", "log")],
        at_most=1e-8,
        every=True,
    ),
    Claim(
        "a sphere is learned",
        "relative error of the metric learned from lengths, no penalty: a few per cent",
        "our task",
        lambda m: value([unpenalised(m)["error"]]),
        at_most=0.05,
    ),
    Claim(
        "its curvature is seen",
        "mean scalar curvature of the metric learned without a penalty: close to 2",
        "our task",
        lambda m: value([unpenalised(m)["curvature"]]),
        at_least=1.5,
        at_most=2.5,
    ),
    Claim(
        "a penalty flattens",
        "mean size of the curvature with the greatest penalty over that without",
        _PAPER,
        lambda m: ratio([penalised(m)["size"]], [unpenalised(m)["size"]]),
        at_most=0.5,
    ),
    Claim(
        "... at a price",
        "error of the metric with the greatest penalty over that without",
        "our task",
        lambda m: ratio([penalised(m)["error"]], [unpenalised(m)["error"]]),
        at_least=1.0,
    ),
    Claim(
        "averaging after training",
        "error of the averaged metric over that of the plain one, on whole orbits: never above",
        _PROVED,
        lambda m: [row["errors"][AFTER] / row["errors"][PLAIN] for row in m["disc"]],
        at_most=1.0,
        every=True,
    ),
    Claim(
        "averaging in training",
        "error of a metric averaged in training over that of the plain one",
        "our task",
        on_disc(WITHIN, PLAIN),
        at_most=1.0,
    ),
    Claim(
        "averaging beside augmentation",
        "error of a metric averaged in training over that of one trained on turned data",
        "our task",
        on_disc(WITHIN, AUGMENTED),
        at_most=1.0,
    ),
)
