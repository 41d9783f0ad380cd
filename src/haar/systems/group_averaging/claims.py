"""What must come out: the paper's effect, what theory says of it, and where averaging does harm.

Errors are pooled VRMSE (`haar.systems.group_averaging.evaluation`) of every test run. A claim about every model is
judged in the one that speaks most against it.
"""

from __future__ import annotations

from functools import partial

from haar.systems.claim import Claim, over
from haar.systems.group_averaging.comparisons import (
    against,
    averaged,
    covered,
    falls,
    forecasting,
    gain,
    harm,
    least,
    let_through,
    missed,
    most,
    of,
    rolled,
    runs,
    zero_padded,
)
from haar.systems.sample import ratio, value

PAPER = "arXiv 2511.09573, abstract"
THEORY = "Elesedy & Zaidi 2021"
CHAIN = (("C2", "none"), ("C4", "C2"), ("D4", "C4"))

_theory = partial(Claim, source=f"{THEORY}: averages over subgroups are nested projections")
_own = partial(Claim, source="our own: zero padding on periodic data")
_modes = partial(Claim, source="our own: modes of rollouts")
_trap = partial(Claim, source=f"{THEORY}: the data must have the symmetry; our own flow that lacks it", part="trap")

CLAIMS = (
    Claim(
        "persistence",
        "every surrogate that is judged beats persistence, one step ahead (ratio of VRMSE, in the weakest model)",
        "the trivial forecast",
        lambda m: most(against(run, "none", "persistence") for run in (*runs(m), m["trap"])),
        at_most=1.0,
    ),
    Claim(
        "linear extrapolation",
        "... and the repetition of the last change (in the weakest model)",
        "the trivial forecast",
        lambda m: most(against(run, "none", "linear") for run in (*runs(m), m["trap"])),
        at_most=1.0,
    ),
    Claim(
        "averaging helps",
        "every valid averaging lowers the one-step VRMSE (ratio, in the model and over the group where it does least; "
        "an FNO has the shifts already)",
        PAPER,
        lambda m: most(averaged(m)),
        at_most=1.0,
        reported="always",
    ),
    _theory(
        "chain",
        "larger groups help more: D4 <= C4 <= C2 <= model (the greatest ratio along the chain)",
        statistic=lambda m: most(against(run, *link) for run in runs(m) for link in CHAIN),
        at_most=1.0,
    ),
    Claim(
        "size of the gain",
        "the gain of D4 is between a few and a few tens of percent (median over models)",
        PAPER,
        lambda m: value(over(runs(m), lambda run: gain(run, "D4")), "median"),
        at_least=0.03,
        at_most=0.4,
        reported="up to .37",
    ),
    Claim(
        "FNO and shifts",
        "an FNO without a grid embedding gains nothing from shifts (change of every one, float32)",
        "by construction: its layers commute with shifts",
        lambda m: over(runs(m, "fno"), lambda run: abs(gain(run, "shifts"))),
        at_most=1e-4,
        every=True,
    ),
    _own(
        "zero padding and shifts",
        "a zero-padded U-Net on periodic data gains as much from 8 shifts as from D4 (ratio of falls of the MSE)",
        statistic=lambda m: ratio(falls(of(m, "unet"), "shifts"), falls(of(m, "unet"), "D4"), "mean"),
        at_least=1.0,
        reported="1.3",
    ),
    _own(
        "half as much",
        "... half as much at least",
        statistic=lambda m: ratio(falls(of(m, "unet"), "shifts"), falls(of(m, "unet"), "D4"), "mean"),
        at_least=0.5,
    ),
    _own(
        "both",
        "D4, each element with its own random shift, is better than D4 at the same cost (in the weakest such model)",
        statistic=lambda m: most(against(run, "D4 shifts", "D4") for run in zero_padded(m)),
        at_most=1.0,
        reported=".73",
    ),
    _own(
        "windows",
        "weighting shifted predictions by a window beats the flat average for zero padding (in the weakest such model)",
        statistic=lambda m: most(against(run, "half shifts, Hann", "half shifts") for run in zero_padded(m)),
        at_most=1.0,
        reported=".86",
    ),
    _own(
        "windows on top of D4",
        "... and so it does together with D4",
        statistic=lambda m: most(against(run, "D4 half shifts, Hann", "D4 half shifts") for run in zero_padded(m)),
        at_most=1.0,
        reported=".80",
    ),
    _theory(
        "augmentation",
        "a model trained with D4 augmentation still gains from D4 (ratio of VRMSE)",
        statistic=lambda m: against(of(m, "fno_augmented"), "D4"),
        at_most=1.0,
        reported=".93",
    ),
    _theory(
        "augmentation shrinks the gain",
        "... but less than one trained without (difference of gains, seed by seed)",
        statistic=lambda m: gain(of(m, "fno_augmented"), "D4") - gain(of(m, "fno"), "D4"),
        at_most=0.0,
        reported="-.062",
    ),
    Claim(
        "longer training",
        "the gain of D4 grows with longer training on little data (difference of gains, seed by seed)",
        "our own: an FNO trained 2.5 to 3 times as long",
        lambda m: gain(of(m, "fno_long"), "D4") - gain(of(m, "fno"), "D4"),
        at_least=0.0,
        when=lambda m: "gray_scott-fno_long" in m["runs"],
        reported=".13",
    ),
    Claim(
        "rollouts against persistence",
        "rollouts of every surrogate beat persistence over steps 6 to 12 (ratio of medians, in the weakest model)",
        "the trivial forecast",
        lambda m: most(rolled(run, "plain", "6:12", "persistence") for run in runs(m)),
        at_most=1.0,
    ),
    Claim(
        "long rollouts against persistence",
        "... and over steps 13 to 30; what is not so is not judged below",
        "the trivial forecast",
        lambda m: most(rolled(run, "plain", "13:30", "persistence") for run in runs(m)),
        at_most=1.0,
    ),
    Claim(
        "rollouts",
        "averaging every step lowers the VRMSE of rollouts that beat persistence, over steps 6 to 12 (ratio of "
        "medians, in the model where it does least)",
        PAPER,
        lambda m: most(rolled(run, "step", "6:12") for run in forecasting(m, "6:12")),
        at_most=1.0,
        when=lambda m: bool(forecasting(m, "6:12")),
    ),
    Claim(
        "long rollouts",
        "... and over steps 13 to 30",
        PAPER,
        lambda m: most(rolled(run, "step", "13:30") for run in forecasting(m, "13:30")),
        at_most=1.0,
        when=lambda m: bool(forecasting(m, "13:30")),
    ),
    _modes(
        "one element a step",
        "one random element a step, at the model's own cost, lowers it too, over steps 6 to 12",
        statistic=lambda m: most(rolled(run, "stochastic", "6:12") for run in forecasting(m, "6:12")),
        when=lambda m: bool(forecasting(m, "6:12")),
        at_most=1.0,
    ),
    _modes(
        "whole trajectories",
        "averages of whole trajectories are no worse than averages every step, over steps 6 to 12",
        statistic=lambda m: most(rolled(run, "trajectory", "6:12", "step") for run in forecasting(m, "6:12")),
        when=lambda m: bool(forecasting(m, "6:12")),
        at_most=1.0,
    ),
    _modes(
        "no blur",
        "what averaging every step gains is no blur: nine tenths of the model's own mean square gradient are kept, "
        "over steps 6 to 12 (in the model that keeps least)",
        statistic=lambda m: least(rolled(run, "step", "6:12", what="detail") for run in forecasting(m, "6:12")),
        when=lambda m: bool(forecasting(m, "6:12")),
        at_least=0.9,
    ),
    _modes(
        "no blur of whole trajectories",
        "... by averages of whole trajectories, over steps 13 to 30",
        statistic=lambda m: least(rolled(run, "trajectory", "13:30", what="detail") for run in forecasting(m, "13:30")),
        when=lambda m: bool(forecasting(m, "13:30")),
        at_least=0.9,
    ),
    Claim(
        "half the forwards",
        "half of D4, selected by the model's predictions on unlabelled inputs, brings 90 % of the fall of the MSE "
        "(median over models)",
        "our own",
        lambda m: value(over(runs(m), lambda run: run["half"]["selected"]), "median"),
        at_least=0.9,
    ),
    Claim(
        "label-free prediction",
        "the fall of the MSE is predicted without labels by the mean square of f - Qf, within 5 % (median over models)",
        THEORY,
        lambda m: value(over(runs(m), lambda run: missed(run["audit"])), "median"),
        at_most=0.05,
        reported="within .02",
    ),
    Claim(
        "label-free prediction and its interval",
        "... and lies in the audit's own 95 % interval of the measured fall (share of models)",
        THEORY,
        lambda m: value(over(runs(m), lambda run: covered(run["audit"])), "mean"),
        at_least=0.95,
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
        "on the shear flow, averaging over C4 and D4, symmetries of the equations that the data lack, makes errors 6 "
        "times larger (the smaller ratio of VRMSE)",
        statistic=lambda trap: least(harm(trap, group) for group in ("C4", "D4")),
        at_least=6.0,
        reported="6 to 7",
    ),
    _trap(
        "harm",
        "every element but the mirror of y does harm alone: quarter turns, diagonals, the half turn, the mirror of x "
        "(the least ratio)",
        statistic=lambda trap: least(harm(trap, element) for element in trap["elements"] if element != "my"),
        at_least=1.0,
        reported="3.8 for mirrors and half turns",
    ),
    _trap(
        "the mirror of y",
        "the mirror of y alone, which the data have, does none (ratio)",
        statistic=lambda trap: harm(trap, "my"),
        at_most=1.0,
        reported=".96",
    ),
    _trap(
        "the right group",
        "the four elements that the shear flow's data do have lower the VRMSE (ratio)",
        statistic=lambda trap: harm(trap, "closed"),
        at_most=1.0,
        reported=".75",
    ),
    _trap(
        "trap seen without labels",
        "the audit forbids every element that does harm, without labels (number of those that it recommends)",
        statistic=lambda trap: let_through(trap, "without_labels"),
        at_most=0,
        every=True,
    ),
    _trap(
        "trap seen with labels",
        "... and with labels",
        statistic=lambda trap: let_through(trap, "with_labels"),
        at_most=0,
        every=True,
    ),
    _trap(
        "what helps is let through",
        "with labels it recommends the mirror of y (1: yes, in the median seed)",
        statistic=lambda trap: int("my" in trap["with_labels"]["elements"]),
        at_least=1,
    ),
    _trap(
        "soft averaging",
        "soft averaging over the wrong group, with alpha fitted on other runs, is no worse than the model (ratio)",
        statistic=lambda trap: harm(trap, "soft D4"),
        at_most=1.002,
        reported=".517/.516",
    ),
    _trap(
        "alpha of the wrong group",
        "... as its alpha is near 1",
        statistic=lambda trap: trap["alpha"]["D4"],
        at_least=0.994,
        reported=".994 to .998",
    ),
    _trap(
        "alpha of the right group",
        "for the four elements of the data alpha is near 0",
        statistic=lambda trap: trap["alpha"]["closed"],
        at_most=0.05,
        reported=".02 to .05",
    ),
    _trap(
        "softly over the right group",
        "... and soft averaging lowers the VRMSE (ratio)",
        statistic=lambda trap: harm(trap, "soft closed"),
        at_most=1.0,
        reported=".951",
    ),
)
"""The table."""
