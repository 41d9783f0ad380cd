"""Tables and pictures of the measures of all seeds."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

from haar.report import Section, Table
from haar.report.table import Cell
from haar.statistics import spread
from haar.systems.lattice_boltzmann.figures import draw_decay, draw_strip, draw_turbulence, draw_vorticity

Measures = Sequence[Mapping[str, Any]]
NAMES = {
    "exact": "BGK, exact",
    "persistence": "no collision",
    "linear": "linear, least squares",
    "quadratic": "quadratic, least squares",
    "naive": "plain network",
    "cons": "conserving",
    "sym": "averaged",
    "gavg": "averaged, conserving",
    "lenn": "equivariant",
    "locked": "equivariant, locked",
    "nco": "learned rates",
}
_SIMPLE = ("exact", "persistence", "linear", "quadratic")


def told(measures: Measures) -> list[Section]:
    """All sections."""
    found: list[Section] = []
    for part, title in _VORTICES.items():
        if all(part in one for one in measures):
            figure = draw_vorticity([one[part] for one in measures])
            found.append(Section(title, _SIMPLER, vortices_table(measures, part), figure, _PICTURE))
            found.append(Section(f"{title}: decay", "", None, draw_decay([one[part] for one in measures]), _DECAY))
    if all("turbulence" in one for one in measures):
        flows = [one["turbulence"] for one in measures]
        found.append(Section("Decaying flow", _FLOW, turbulence_table(measures), draw_strip(flows), _STRIP))
        found.append(Section("Decaying flow: spectra", "", None, draw_turbulence(flows), _SPECTRA))
    found.append(Section("Costs", _COSTS, costs_table(measures)))
    if all("breaking" in one for one in measures):
        found.append(Section("A target with less symmetry", _BREAKING, breaking_table(measures)))
    if all("coarse" in one for one in measures):
        found.append(Section("A coarse collision", _COARSE, coarse_table(measures)))
    if all("cavity" in one for one in measures):
        found.append(Section("Lid-driven cavity", _CAVITY, cavity_table(measures)))
    return found


def _over(measures: Measures, *keys: str) -> str:
    """A number of every seed: the median, and from the least to the greatest."""
    found: list[Any] = [functools.reduce(operator.getitem, keys, one) for one in measures]
    all_of_them = spread(map(float, found))
    if all_of_them.low == all_of_them.high:
        return f"{all_of_them.value:.3g}"
    return f"{all_of_them.value:.2g} [{all_of_them.low:.2g}, {all_of_them.high:.2g}]"


def vortices_table(measures: Measures, part: str) -> Table:
    """One row a collision, the simple ones first."""
    rows: list[list[Cell]] = []
    for name in _SIMPLE:
        keys = (part, "references", name)
        numbers = [_over(measures, *keys, key) for key in ("error", "flow_error", "drift", "pattern")]
        rows.append([NAMES[name], "-", *numbers, "-", "-", "-", "-"])
    for name in (name for name in NAMES if name in measures[0][part]):
        numbers = [_over(measures, part, name, key) for key in ("error", "flow_error", "drift", "pattern")]
        both = [_over(measures, part, name, "viscosity", key) for key in ("axis", "diagonal")]
        exact = [_over(measures, part, name, key) for key in ("equivariance", "momentum")]
        rows.append([NAMES[name], _over(measures, part, name, "parameters"), *numbers, *both, *exact])
        if "averaged" in measures[0][part][name]:
            mean = _over(measures, part, name, "averaged", "error")
            small = _over(measures, part, name, "averaged", "flow_error")
            rows.append([f"... averaged later (small box: {small})", "-", mean, *["-"] * 7])
    columns = (
        "collision",
        "parameters",
        "error on pairs",
        "error of the flow",
        "drift",
        "four-fold defect",
        "viscosity, axis",
        "diagonal",
        "equivariance",
        "momentum",
    )
    return Table("Taylor-Green vortices", columns, rows, "median [least, greatest] over seeds")


def turbulence_table(measures: Measures) -> Table:
    """One row a collision."""
    rows: list[list[Cell]] = []
    for name in (name for name in NAMES if name in measures[0]["turbulence"] and name != "exact"):
        keys = ("error", "flow_error", "energy_ratio", "drift", "length")
        rows.append([NAMES[name], *(_over(measures, "turbulence", name, key) for key in keys)])
    columns = ("collision", "error on pairs", "error of the flow", "energy over exact", "drift", "steps until it left")
    note = "a run has left its flow when a number is not finite or its energy has doubled"
    return Table("Decaying flow", columns, rows, note)


def costs_table(measures: Measures) -> Table:
    """One row for each stencil and collision."""
    rows: list[list[Cell]] = []
    for stencil, models in measures[0]["costs"].items():
        for name in models:
            micro = spread(1e6 * float(one["costs"][stencil][name]["time"]) for one in measures)
            count = f"{models[name]['multiplications']:.0f}"
            rows.append([stencil, NAMES[name], count, f"{micro.value:.2g} [{micro.low:.2g}, {micro.high:.2g}]"])
    return Table("Costs of a site", ("stencil", "collision", "multiplications", "microseconds"), rows, "one thread")


def breaking_table(measures: Measures) -> Table:
    """What each network of a less symmetric target reaches."""
    part = ("breaking", "anisotropic")
    told_as = {
        "floor": "least error that D4 allows (the averaged target)",
        "D4": "network of D4",
        "C2v": "network of C2v",
        "strict_loss": "strict network of D4, loss",
        "resilient_loss": "resilient network, loss",
    }
    rows: list[list[Cell]] = [[words, _over(measures, *part, key)] for key, words in told_as.items()]
    named = ["/".join(one["breaking"]["anisotropic"]["largest"]) or "none" for one in measures]
    rows.append(["symmetry that the score test leaves", ", ".join(named)])
    return Table("A target without the quarter turn", ("", "median [least, greatest]"), rows)


def coarse_table(measures: Measures) -> Table:
    """Errors of coarse collisions against the fine run."""
    told_as = {
        "persistence": "nothing changes",
        "bgk": "BGK",
        "trt": "two relaxation times",
        "regularised": "regularised",
        "untrained": "learned rates before learning",
        "learned": "learned rates",
    }
    rows: list[list[Cell]] = [
        [words, _over(measures, "coarse", "decaying", key, "flow_error")] for key, words in told_as.items()
    ]
    return Table("Coarse collisions", ("collision on the coarse grid", "error against the fine run"), rows)


def cavity_table(measures: Measures) -> Table:
    """Largest differences from the table of Ghia et al."""
    rows: list[list[Cell]] = [
        [NAMES[name], *(_over(measures, "cavity", "lid", name, key) for key in ("vertical", "horizontal"))]
        for name in ("exact", "locked")
    ]
    return Table("Cavity", ("collision", "vertical centre line", "horizontal"), rows, "over the lid's speed")


_VORTICES = {
    "vortices": "Taylor-Green vortices",
    "tuned": "Taylor-Green vortices, a larger learning rate",
    "at once": "Taylor-Green vortices, tau = 1",
}
_SIMPLER = (
    "The target is BGK, which is a polynomial of degree two in populations with sum 1. Fitted by least squares it is "
    "found to rounding: where a target is a low polynomial no network is needed, and none of these is as good. The "
    "networks stand for targets that are no polynomials; what is compared is what each constraint buys."
)
_PICTURE = "Vorticity after 600 steps, over the first speed; the colours of a panel reach to its own largest value."
_DECAY = "How much is left of the vortices, on a log axis; dashes: the analytic decay."
_FLOW = (
    "A random flow at a small viscosity. The error on pairs does not rank the collisions: what a collision does to the "
    "slowest moments decides, and the lock makes that exact."
)
_STRIP = "Vorticity of the first seed as time goes on, from left to right; a row for each collision."
_SPECTRA = "Left: energies. Right: spectra at the end."
_COSTS = "Frozen collisions on one thread, taking turns."
_BREAKING = (
    "Populations that move along x relax faster than those along y. No network of the square's group can learn that: "
    "the best that it could do is the average of the target. The score test of `haar.relax` is not told which symmetry "
    "is left, and a resilient network may keep as much asymmetry as pays."
)
_COARSE = (
    "Learned from a fine run by unrolling the coarse solver, and judged on a fine run of another seed that begins at "
    "the same coarse velocities. The collision to beat is BGK on the coarse grid, which costs nothing to learn."
)
_CAVITY = "Largest differences from the classical table of the centre lines at Reynolds number 100."
