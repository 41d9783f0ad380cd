"""Tables and figures of the experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haar.report import Section, Table
from haar.report.table import Cell
from haar.systems.group_averaging.figures import draw_gains, draw_spectra, draw_trap, middle, pooled, typical

Measures = Mapping[str, Any]
FORECASTS = {"persistence": "persistence", "linear": "linear extrapolation", "none": "not averaged"}


def told(measures: Sequence[Measures]) -> list[Section]:
    """Errors by model and group, rollouts by mode, the shear flow, prediction against gain."""
    return [
        Section(
            "One step ahead",
            "Errors are pooled: a channel's squared errors over its variance in all test runs, so that nearly constant "
            "fields, of which a mean of ratios would be made, do not rule it; The Well's mean of ratios stands beside, "
            "with the share of nearly constant fields in it. Median over seeds. Shifts: eight random ones; D4 shifts: "
            "the eight elements, each with a random shift. A model that loses to persistence (nothing changes) or to "
            "linear extrapolation (the last change again) proves nothing by being averaged.",
            _one_step(measures, [name for name in _groups(measures) if "half" not in name]),
            draw_gains(measures),
            "Change of the one-step VRMSE by averaging, for every model.",
        ),
        Section("", "", _well(measures)),
        Section(
            "Windows",
            "For models that pad with zeros: shifts by half the box, alone and with D4, all predictions weighed alike "
            "or by a Hann window in the frame of the shifted input.",
            _one_step(measures, ["none", *(name for name in _groups(measures) if "half" in name)]),
        ),
        Section(
            "Rollouts",
            "Persistence (nothing changes), and the modes: plain (the model), step (averaged every step), trajectory "
            "(separate runs, averaged), stochastic (one random element a step, at the cost of the model), cyclic. "
            "Medians over the runs of all seeds.",
            _rollouts(measures, "rollout", "VRMSE of rollouts"),
        ),
        Section(
            "What is only blurred is no gain",
            "The mean square gradient of the first field over that of the truth: below 1 the rollout is blurred, and a "
            "smaller error than the model's is bought with detail that is not there; above 1 it is rough. An average "
            "of runs that have diverged from each other is smooth whatever the truth is.",
            _rollouts(measures, "detail", "Detail that rollouts keep"),
            draw_spectra(measures),
            "Energy spectra of the first field (the dye, or A) over the last window of steps, in the first seed. "
            "Dashed: less than four fifths of the truth's detail, blurred; its smaller error is no gain.",
        ),
        *_predicted(measures),
    ]


def _predicted(measures: Sequence[Measures]) -> list[Section]:
    """What is said without labels, and where it matters."""
    return [
        Section(
            "The gain, predicted without labels",
            "The mean square of f - Qf on unlabelled inputs against the fall of the MSE on labelled ones with the "
            "audit's interval, both in units of each field's variance.",
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
            "Four elements keep the law of the data (closed): the mirror of y, and the mirror of x with the sign of "
            "the tracer and half a period along y. Alphas of soft averages, and the advice with labels, are from runs "
            "that nothing is judged on.",
            _trap(measures),
            draw_trap(measures),
            "One-step VRMSE on the shear flow. The audit's advice is below the table.",
        ),
    ]


def _groups(measures: Sequence[Measures]) -> list[str]:
    """What some model was averaged over, after the forecasts without a model."""
    return list(dict.fromkeys(group for run in measures[0]["runs"].values() for group in run["vrmse"]))


def _one_step(measures: Sequence[Measures], groups: Sequence[str]) -> Table:
    """Models averaged over each of the groups; those that were averaged over none of them are left out."""
    runs = measures[0]["runs"]
    rows: list[tuple[Cell, ...]] = [
        (name, *(pooled(measures, "runs", name, "vrmse", group) for group in groups))
        for name in runs
        if any(group in runs[name]["vrmse"] for group in groups if group not in FORECASTS)
    ]
    return Table("One-step VRMSE, pooled", ("model", *(FORECASTS.get(group, group) for group in groups)), rows)


def _well(measures: Sequence[Measures]) -> Table:
    groups = ("persistence", "linear", "none", "C2", "C4", "D4")
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            *(middle(measures, "runs", name, "well", group) for group in groups),
            middle(measures, "runs", name, "near_constant"),
        )
        for name in measures[0]["runs"]
    ]
    columns = ("model", *(FORECASTS.get(group, group) for group in groups), "nearly constant")
    return Table("One-step VRMSE, The Well's mean of ratios", columns, rows)


def _rollouts(measures: Sequence[Measures], what: str, title: str) -> Table:
    modes = list(next(iter(measures[0]["runs"].values()))[what])
    rows: list[tuple[Cell, ...]] = [
        (name, window, *(typical(measures, "runs", name, what, mode, window) for mode in modes))
        for name, run in measures[0]["runs"].items()
        for window in run[what][modes[0]]
    ]
    return Table(title, ("model", "steps", *modes), rows)


def _predictions(measures: Sequence[Measures]) -> Table:
    def told(name: str, *path: str) -> float:
        return middle(measures, "runs", name, "audit", *path)

    rows: list[tuple[Cell, ...]] = [
        (
            name,
            told(name, "mse"),
            told(name, "predicted", "value"),
            told(name, "gain", "value"),
            told(name, "gain", "low"),
            told(name, "gain", "high"),
            measures[0]["runs"][name]["audit"]["verdict"],
        )
        for name in measures[0]["runs"]
    ]
    return Table("", ("model", "MSE", "predicted fall", "measured fall", "from", "to", "the audit says"), rows)


def _halves(measures: Sequence[Measures]) -> Table:
    columns = ("expected", "selected", "subgroup", "random")
    rows: list[tuple[Cell, ...]] = [
        (name, *(middle(measures, "runs", name, "half", column) for column in columns)) for name in measures[0]["runs"]
    ]
    return Table("", ("model", "selected: expected", "selected", "quarter turns", "random"), rows)


def _trap(measures: Sequence[Measures]) -> Table:
    words = {
        **FORECASTS,
        "closed": "the four elements of the data",
        "soft D4": "softly over D4",
        "soft closed": "softly over the four",
    }
    trap = measures[0]["trap"]
    base = pooled(measures, "trap", "vrmse", "none")
    errors = [(words.get(name, name), pooled(measures, "trap", "vrmse", name)) for name in trap["vrmse"]]
    errors += [(f"{name} and the identity", pooled(measures, "trap", "elements", name)) for name in trap["elements"]]
    rows: list[tuple[Cell, ...]] = [(name, error, error / base) for name, error in errors]
    alphas = ", ".join(f"{middle(measures, 'trap', 'alpha', name):.3f} ({name})" for name in trap["alpha"])
    note = (
        f"Alphas of soft averages: {alphas}. Without labels: {trap['without_labels']['sentence']} With labels: "
        f"{trap['with_labels']['sentence']}"
    )
    return Table("Shear flow", ("averaged over", "one-step VRMSE", "over the model's"), rows, note)
