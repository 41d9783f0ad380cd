"""The reproduction told: tables and figures of the measures of all seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from haar.report import Section, Table
from haar.report.table import Cell
from haar.statistics import spread
from haar.systems.quantum.claims import averaged, cells, models, tables, title, with_average
from haar.systems.quantum.figures import draw_errors, draw_frames, draw_surfaces, draw_trainability

Measures = Sequence[Mapping[str, Any]]


def told(measures: Measures) -> list[Section]:
    """All sections, in order."""
    sections = [
        (
            Section(
                title(table),
                f"The best is **{winner(measures, table)}**.{beaten(measures, table)} Medians over folds and seeds.",
                errors_table(measures, table),
            ),
            Section("", table=symmetry_table(measures, table)),
        )
        for table in tables(measures)
    ]
    return [
        *itertools.chain(*sections),
        Section("", figure=draw_errors(measures), caption="Test error of every fold against number of parameters."),
        Section("Surfaces", _SURFACES, figure=draw_surfaces(measures), caption=SURFACES_CAPTION),
        Section("Another frame", _FRAMES, frames_table(measures), draw_frames(measures), _FRAMES_CAPTION),
        Section("Averaging after training", _AVERAGED, averaged_table(measures)),
        Section("Trainability", _TRAIN, trainability_table(measures), draw_trainability(measures), _TRAIN_CAPTION),
        Section("Symmetry broken on purpose", _BREAKING, breaking_table(measures)),
        Section("Noughts and crosses", _BOARD, board_table(measures)),
        *([Section("Solids from a few points", _CLOUDS, clouds_table(measures))] if measures[0].get("clouds") else []),
    ]


_SURFACES = "Reference: FCI/6-31G for LiH, MP2/6-31G for NH3. Models saw other geometries, in random orientations."
SURFACES_CAPTION = (
    "Energy along the stretch of LiH and along the inversion of NH3 (umbrella angle); the run of median test error."
)
_FRAMES = (
    "Trained on molecules in one orientation and one order of atoms, tested on the same ones turned and relabelled."
)
_FRAMES_CAPTION = "Test error in the frame of the training set, and in random ones."
_AVERAGED = (
    "Averaging over octahedral rotations and all exchanges cannot increase the mean squared error on data that the "
    "group leaves as they are. Here it is judged on the test set, which has each molecule in one orientation. A model "
    "that is averaged stays behind one that has its symmetry built in."
)
_TRAIN = "Variance of the derivative with respect to one angle in the middle of a circuit of depth 6 n."
_TRAIN_CAPTION = "Gradients vanish exponentially without symmetry, and do not with it."
_BOARD = (
    "The circuit of nine qubits with the symmetry of the square, and the same circuit with one parameter a gate: few "
    "training games, the same training."
)
_CLOUDS = (
    "Five solids, each cloud in an orientation and order of its own; about 1,400 parameters a model, all with the same "
    "steps, and the weights that are best on the validation set. Distances is the classical network on distances of "
    "pairs, in the place of the paper's TFN. Guessing has a fifth."
)
_BREAKING = "RZ(eps) after every layer, eps ~ N(0, scale^2): rms change of the scaled energy under a rotation."


def winner(measures: Measures, table: str) -> str:
    """The model with the least median test error."""
    errors = {m: spread(r["test"]["rmse"] for r in cells(measures, table, m)).value for m in models(measures, table)}
    return min(errors, key=lambda model: (math.isnan(errors[model]), errors[model]))


def beaten(measures: Measures, table: str) -> str:
    """Which models do not beat the mean energy, in a sentence; nothing where all do."""
    names = models(measures, table)
    if "Mean" not in names:
        return ""
    errors = {name: spread(row["test"]["rmse"] for row in cells(measures, table, name)).value for name in names}
    worse = [name for name in names if name != "Mean" and errors[name] >= errors["Mean"]]
    return f" No better than the mean energy: {', '.join(worse)}." if worse else ""


def errors_table(measures: Measures, table: str) -> Table:
    """One row a model: energies, forces, how it generalises."""
    columns = ("model", "parameters", "train E", "test E", "range", "test F", "R2", "test/train", "seconds")
    rows: list[list[Cell]] = []
    for model in models(measures, table):
        found = cells(measures, table, model)
        error = spread(row["test"]["rmse"] for row in found)
        rows.append(
            [
                model,
                found[0]["parameters"],
                _middle(found, "train", "rmse"),
                error.value,
                f"{error.low:.3g} … {error.high:.3g}",
                _middle(found, "test", "force_rmse"),
                _middle(found, "test", "r2"),
                _middle(found, "ratio"),
                _middle(found, "seconds"),
            ]
        )
    runs = len(cells(measures, table, models(measures, table)[0]))
    note = f"{runs} fold(s) and seed(s); RMSE of E in mHa, of F in mHa/Angstrom"
    note += "; all have one learning rate and as many steps"
    if "Classical, long" in models(measures, table):
        note += ", but for Classical, long, which has more, as in the reference runs"
    return Table(title(table), columns, rows, note)


def symmetry_table(measures: Measures, table: str) -> Table:
    """One row a model: mean absolute errors, and how much of each symmetry it breaks."""
    columns = ("model", "MAE E", "kcal/mol", "train F", "MAE F", "rotation", "permutation", "parity", "torque")
    places = (
        ("test", "mae"),
        ("test", "mae_kcal"),
        ("train", "force_rmse"),
        ("test", "force_mae"),
        *(("symmetry", what) for what in ("rotation", "permutation", "parity", "torque")),
    )
    rows: list[list[Cell]] = []
    for model in models(measures, table):
        found = cells(measures, table, model)
        rows.append([model, *(_middle(found, *place) for place in places)])
    return Table("", columns, rows, "symmetry errors in mHa: rms change of the energy; rms torque")


def _middle(found: Sequence[Mapping[str, Any]], *place: str) -> float:
    """The median over folds and seeds of what lies at a place."""
    values: list[Any] = list(found)
    for name in place:
        values = [value[name] for value in values]
    return spread(values).value


def frames_table(measures: Measures) -> Table:
    """One row a model."""
    rows: list[list[Cell]] = []
    for model in measures[0]["frames"]:
        errors = [spread(one["frames"][model][frame]["rmse"] for one in measures) for frame in ("canonical", "moved")]
        rows.append([model, *(error.value for error in errors)])
    return Table("NH3 in another frame", ("model", "same frame", "turned and relabelled"), rows, "test RMSE in mHa")


def averaged_table(measures: Measures) -> Table:
    """One row a table and model."""
    rows: list[list[Cell]] = []
    for table in tables(measures):
        for model in models(measures, table):
            found = [row for one in measures for row in with_average(one, table, model)]
            if found:
                errors = [
                    spread(_root_mean_square(averaged(one, table, model, when)) for one in measures).value
                    for when in ("before", "after")
                ]
                rows.append([title(table), model, found[0]["averaged"]["elements"], *errors])
    columns = ("data", "model", "elements", "test", "averaged")
    return Table("Post-hoc averaging", columns, rows, "RMSE in mHa, both on the test set")


def _root_mean_square(values: Sequence[Any]) -> float:
    return math.sqrt(fmean(value**2 for value in values))


def trainability_table(measures: Measures) -> Table:
    """One row a family."""
    first = measures[0]["trainability"]["all"]
    rows: list[list[Cell]] = []
    for family in ("symmetric", "free"):
        columns = zip(*(one["trainability"]["all"][family] for one in measures), strict=True)
        rows.append([family, *(fmean(itertools.chain(*values)) for values in columns)])
    return Table("Variance of a derivative", ("circuit", *(f"n = {n}" for n in first["qubits"])), rows)


def breaking_table(measures: Measures) -> Table:
    """One row a strength."""
    first = measures[0]["breaking"]["all"]
    rows: list[list[Cell]] = [
        [scale, spread(one["breaking"]["all"]["rotation"][k] for one in measures).value]
        for k, scale in enumerate(first["scales"])
    ]
    return Table("Rotation error", ("eps", "rms change"), rows)


def board_table(measures: Measures) -> Table:
    """One row a circuit."""
    rows: list[list[Cell]] = []
    for name in ("symmetric", "free"):
        train, test = ([v for one in measures for v in one["board"][name][what]] for what in ("train", "test"))
        share, first = spread(test), measures[0]["board"][name]["parameters"][0]
        rows.append([name, first, spread(train).value, share.value, f"{share.low:.3g} … {share.high:.3g}"])
    columns = ("circuit", "parameters", "train", "test", "range")
    return Table("Share of games judged right", columns, rows, f"{len(test)} run(s)")


def clouds_table(measures: Measures) -> Table:
    """One row a number of points and classifier."""
    rows: list[list[Cell]] = []
    for name, first in measures[0]["clouds"].items():
        points, model = name.split("|")
        found = [one["clouds"][name] for one in measures]
        share = spread(fmean(row["right"]) for row in found)
        rows.append(
            [
                model,
                points.split()[0],
                first["parameters"],
                spread(row["train"] for row in found).value,
                share.value,
                f"{share.low:.3g} … {share.high:.3g}",
                spread(row["seconds"] for row in found).value,
            ]
        )
    columns = ("model", "points", "parameters", "train", "test", "range", "seconds")
    return Table("Share of clouds told right", columns, rows, f"{len(measures)} seed(s)")
