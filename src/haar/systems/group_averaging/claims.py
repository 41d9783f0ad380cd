"""What must come out: the paper's effect, what theory says of it, and where averaging does harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from haar.systems.claim import Claim, Number, over

Measures = Mapping[str, Any]
PAPER = "arXiv 2511.09573, abstract"
QUARTER_TURNS = frozenset({"r90", "r270", "d", "d'"})
CHAIN = (("C2", "none"), ("C4", "C2"), ("D4", "C4"))
WINDOWED = (("half shifts, Hann", "half shifts"),)
WINDOWED_D4 = (("D4 half shifts, Hann", "D4 half shifts"),)


def runs(measures: Measures, kind: str = "") -> list[Measures]:
    """The measures of every model, or of those with a word in their name."""
    return [run for name, run in measures["runs"].items() if kind in name]


def groups(run: Measures) -> list[str]:
    """What a model was averaged over."""
    return [name for name in run["vrmse"] if name != "none"]


def vrmse(run: Measures, group: str) -> float:
    """One-step VRMSE of a model averaged over a group."""
    return float(run["vrmse"][group])


def gain(run: Measures, group: str) -> float:
    """Relative fall of the one-step VRMSE."""
    return 1 - vrmse(run, group) / vrmse(run, "none")


def gains(measures: Measures) -> list[Number]:
    """Of every model and everything that it was averaged over, but for an FNO's shifts: it has them already."""
    pairs = [
        (run, group)
        for name, run in measures["runs"].items()
        for group in groups(run)
        if not ("fno" in name and group == "shifts")
    ]
    return over(pairs, lambda pair: gain(*pair))


def ratios(measures: Measures, pairs: Sequence[tuple[str, str]]) -> list[Number]:
    """VRMSE averaged over the first of two over that of the second, for every pair and every model that has both."""
    found = [(run, a, b) for run in runs(measures) for a, b in pairs if a in run["vrmse"]]
    return over(found, lambda one: vrmse(one[0], one[1]) / vrmse(one[0], one[2]))


def rolled(run: Measures, mode: str, window: str = "6:12") -> float:
    """VRMSE of a rollout."""
    return float(run["rollout"][mode][window])


def harm(measures: Measures, group: str) -> float:
    """One-step VRMSE on the shear flow, averaged over a group, over the model's own."""
    errors = measures["trap"]["vrmse"]
    return float(errors[group] / errors["none"])


def harmless(advice: Measures) -> int:
    """1 if an audit keeps away from the elements that do harm."""
    elements = set(advice["elements"])
    return int(advice["verdict"] != "average" or (bool(elements) and not QUARTER_TURNS & elements))


def of(measures: Measures, name: str) -> Measures:
    """The measures of the model of Gray-Scott with a name."""
    run: Measures = measures["runs"][f"gray_scott-{name}"]
    return run


THEORY = "Elesedy & Zaidi 2021"
_each = partial(Claim, every=True)
_own = partial(Claim, source="our own runs", every=True)
_trap = partial(Claim, source=f"{THEORY}: the data must have the symmetry; our own flow that lacks it", every=True)

CLAIMS = (
    Claim(
        "averaging helps",
        "every valid averaging lowers the mean one-step VRMSE, in every model (relative gains; an FNO has the shifts "
        "already)",
        PAPER,
        gains,
        at_least=0.0,
        every=True,
    ),
    _each(
        "chain",
        "larger groups help more: D4 <= C4 <= C2 <= model (ratios along the chain, in every model)",
        f"{THEORY}: averages over subgroups are nested projections",
        statistic=lambda m: ratios(m, CHAIN),
        at_most=1.0,
    ),
    Claim(
        "size of the gain",
        "the gain of D4 is between a few and a few tens of percent; the paper has up to 37 % (largest of all models)",
        PAPER,
        lambda m: max(gain(run, "D4") for run in runs(m)),
        at_least=0.03,
        at_most=0.6,
        every=True,
    ),
    _each(
        "FNO and shifts",
        "an FNO without a grid embedding gains nothing from shifts (change of every one, float32)",
        "by construction: its layers commute with shifts",
        statistic=lambda m: over(runs(m, "fno"), lambda run: abs(gain(run, "shifts"))),
        at_most=1e-4,
    ),
    _own(
        "zero padding and shifts",
        "a zero-padded U-Net on periodic data gains from shifts about as much as from D4 (ratio of gains)",
        statistic=lambda m: gain(of(m, "unet"), "shifts") / gain(of(m, "unet"), "D4"),
        at_least=0.5,
    ),
    _own(
        "both",
        "D4, each element with its own random shift, is better than D4 at the same cost (ratio of VRMSE)",
        statistic=lambda m: vrmse(of(m, "unet"), "D4 shifts") / vrmse(of(m, "unet"), "D4"),
        at_most=1.0,
    ),
    _own(
        "windows",
        "weighting shifted predictions by a window beats the flat average for zero padding (ratio in every model)",
        statistic=lambda m: ratios(m, WINDOWED),
        at_most=1.0,
    ),
    _own(
        "windows on top of D4",
        "... and so it does together with D4 (ratio in every model)",
        statistic=lambda m: ratios(m, WINDOWED_D4),
        at_most=1.0,
    ),
    _own(
        "augmentation",
        "a model trained with D4 augmentation still gains from D4",
        statistic=lambda m: gain(of(m, "fno_augmented"), "D4"),
        at_least=0.0,
    ),
    _own(
        "augmentation shrinks the gain",
        "... but less than one trained without (difference of gains)",
        statistic=lambda m: gain(of(m, "fno_augmented"), "D4") - gain(of(m, "fno"), "D4"),
        at_most=0.0,
    ),
    Claim(
        "rollouts",
        "averaging every step lowers the VRMSE of rollouts over steps 6 to 12 (ratio in every model)",
        PAPER,
        lambda m: over(runs(m), lambda run: rolled(run, "step") / rolled(run, "plain")),
        at_most=1.0,
        every=True,
    ),
    Claim(
        "half the forwards",
        "half of D4, selected by the model's predictions on unlabelled inputs, brings 90 % of the fall of the MSE "
        "(median over models)",
        "our own",
        lambda m: over(runs(m), lambda run: run["half"]["selected"]),
        at_least=0.9,
    ),
    Claim(
        "label-free prediction",
        "the fall of the MSE is predicted without labels by the mean square of f - Qf (relative error in every model)",
        THEORY,
        lambda m: over(runs(m), lambda run: abs(run["audit"]["predicted"] / run["audit"]["gain"] - 1)),
        at_most=0.35,
        every=True,
    ),
    Claim(
        "exactness",
        "the averaged model is exactly equivariant in float64 (relative defect of every model)",
        "by construction",
        lambda m: over(runs(m), lambda run: run["defect"]["after"]),
        at_most=1e-10,
        every=True,
    ),
    _trap(
        "trap",
        "on the shear flow, averaging over symmetries of the equations that the data lack does harm (ratio of VRMSE, "
        "C4 and D4; 6 to 7 in longer runs of ours)",
        statistic=lambda m: over(("C4", "D4"), lambda group: harm(m, group)),
        at_least=1.5,
    ),
    _trap(
        "trap seen without labels",
        "the audit warns before harm is done: it does not recommend those elements, without labels (1: yes)",
        statistic=lambda m: harmless(m["trap"]["without_labels"]),
        at_least=1,
    ),
    _trap(
        "trap seen with labels",
        "... nor with labels (1: yes)",
        statistic=lambda m: harmless(m["trap"]["with_labels"]),
        at_least=1,
    ),
    _trap(
        "soft averaging",
        "soft averaging with fitted alpha is no worse than the model even with the wrong group (ratio of VRMSE)",
        statistic=lambda m: harm(m, "soft D4"),
        at_most=1.02,
    ),
    _trap(
        "the right group",
        "the four elements that the shear flow's data do have lower the VRMSE (ratio)",
        statistic=lambda m: harm(m, "closed"),
        at_most=1.0,
    ),
)
"""The table."""
