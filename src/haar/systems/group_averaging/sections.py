"""Tables and figures of the experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haar.report import Section, Table
from haar.report.table import Cell
from haar.systems.group_averaging.figures import draw_gains, draw_trap, middle

Measures = Mapping[str, Any]


def told(measures: Sequence[Measures]) -> list[Section]:
    """Errors by model and group, rollouts by mode, the shear flow, prediction against gain."""
    return [
        Section(
            "One step ahead",
            "Median over seeds. Shifts: eight random ones; D4 shifts: the eight elements, each with a random shift.",
            _one_step(measures, [name for name in _groups(measures) if "half" not in name]),
            draw_gains(measures),
            "Change of the one-step VRMSE by averaging, for every model.",
        ),
        Section(
            "Windows",
            "For models that pad with zeros: shifts by half the box, alone and with D4, all predictions weighed alike "
            "or by a Hann window in the frame of the shifted input.",
            _one_step(measures, ["none", *(name for name in _groups(measures) if "half" in name)]),
        ),
        Section(
            "Rollouts",
            "The modes: plain (the model), step (averaged every step), trajectory (separate runs, averaged), "
            "stochastic (one random element a step, at the cost of the model), cyclic. Averages of diverged runs are "
            "smooth: a variance ratio far below 1 says so.",
            _rollouts(measures, "rollout", "VRMSE of rollouts"),
        ),
        Section(
            "",
            "The variance of the prediction over that of the truth.",
            _rollouts(measures, "variance_ratio", "Variance ratio of rollouts"),
        ),
        Section(
            "The gain, predicted without labels",
            "The mean square of f - Qf on unlabelled inputs against the fall of the MSE on labelled ones, both in "
            "units of each field's variance.",
            _predictions(measures),
        ),
        Section(
            "Half the forwards",
            "The part of the fall of the MSE that four of D4's eight elements bring: those that `haar.average.select` "
            "chose from predictions on unlabelled training inputs, with what it expected of them; the quarter turns, "
            "which an anytime average evaluates first; four at random, in the mean.",
            _halves(measures),
        ),
        Section(
            "The trap: a shear flow",
            "Quarter turns and mirrors are exact symmetries of the equations, but the data have a mean flow along x. "
            "Four elements keep the law of the data: the mirror of y, and the mirror of x with the sign of the tracer "
            "and half a period along y.",
            _trap(measures),
            draw_trap(measures),
            "One-step VRMSE on the shear flow. The audit's advice is in the table.",
        ),
    ]


def _groups(measures: Sequence[Measures]) -> list[str]:
    """What some model was averaged over."""
    return list(dict.fromkeys(group for run in measures[0]["runs"].values() for group in run["vrmse"]))


def _one_step(measures: Sequence[Measures], groups: Sequence[str]) -> Table:
    """Models averaged over each of the groups; those that were averaged over none of them are left out."""
    runs = measures[0]["runs"]
    rows: list[tuple[Cell, ...]] = [
        (name, *(middle(measures, "runs", name, "vrmse", group) for group in groups))
        for name in runs
        if any(group in runs[name]["vrmse"] for group in groups if group != "none")
    ]
    return Table("One-step VRMSE", ("model", *(group if group != "none" else "not averaged" for group in groups)), rows)


def _rollouts(measures: Sequence[Measures], what: str, title: str) -> Table:
    modes = list(next(iter(measures[0]["runs"].values()))["rollout"])
    rows: list[tuple[Cell, ...]] = [
        (name, window, *(middle(measures, "runs", name, what, mode, window) for mode in modes))
        for name, run in measures[0]["runs"].items()
        for window in run["rollout"][modes[0]]
    ]
    return Table(title, ("model", "steps", *modes), rows)


def _predictions(measures: Sequence[Measures]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            middle(measures, "runs", name, "audit", "mse"),
            middle(measures, "runs", name, "audit", "predicted"),
            middle(measures, "runs", name, "audit", "gain"),
            measures[0]["runs"][name]["audit"]["verdict"],
        )
        for name in measures[0]["runs"]
    ]
    return Table("", ("model", "MSE", "predicted fall", "measured fall", "the audit says"), rows)


def _halves(measures: Sequence[Measures]) -> Table:
    columns = ("expected", "selected", "subgroup", "random")
    rows: list[tuple[Cell, ...]] = [
        (name, *(middle(measures, "runs", name, "half", column) for column in columns)) for name in measures[0]["runs"]
    ]
    return Table("", ("model", "selected: expected", "selected", "quarter turns", "random"), rows)


def _trap(measures: Sequence[Measures]) -> Table:
    words = {"none": "not averaged", "closed": "the four elements of the data", "soft D4": "softly over D4"}
    rows: list[tuple[Cell, ...]] = [
        (words.get(group, group), middle(measures, "trap", "vrmse", group)) for group in measures[0]["trap"]["vrmse"]
    ]
    trap = measures[0]["trap"]
    note = f"Without labels: {trap['without_labels']['sentence']} With labels: {trap['with_labels']['sentence']}"
    return Table("Shear flow", ("averaged over", "one-step VRMSE"), rows, note)
