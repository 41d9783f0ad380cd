"""``haar check``: find a symmetry or take one, audit it, carry out what the evidence recommends, measure that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from haar.cli.check_options import CheckOptions
from haar.cli.command import told_by
from haar.errors import ArgumentError, HaarError

if TYPE_CHECKING:
    from haar.actions import Symmetry
    from haar.check import Budget, Check
    from haar.cli.model_file import LoadedModel


@told_by(CheckOptions)
def check(told: CheckOptions) -> None:
    """Find the symmetry of MODEL on DATA, audit it, and do what the evidence recommends.

    The model is averaged, over the group or the subgroup that is left, or left alone; with --relax a copy is trained
    with as much symmetry as the data carry. Half of the trajectories choose; the others measure error and defect before
    and after. The answer is one page, the repaired model a file.
    """
    from haar.cli.model_file import load_model
    from haar.cli.options import named_on_the_command_line
    from haar.cli.screen import ProgressBars, warn_bare
    from haar.cli.structures import holds_structures, names_calculator
    from haar.cli.well_data import is_well

    budget = _budget(told)
    structures = holds_structures(told.model, told.data)
    fields = not structures and is_well(told.data)
    loaded = None
    if not (structures and names_calculator(told.model)):
        loaded = load_model(
            told.model, weights=told.weights, arguments=told.factory_arg or (), fields=fields or told.fields is not None
        )
    if structures or loaded is None:
        given = _of_structures(told, loaded)
    else:
        given = (_of_well if fields else _of_rows)(told, loaded)
    with (
        ProgressBars(quiet=told.as_json) as bars,
        named_on_the_command_line(data="DATA", model="MODEL", symmetry="--group"),
    ):
        report = _checked(told, given, budget, bars)
    if loaded is not None:
        _write_model(report, told.out, "repaired.onnx" if told.model.endswith(".onnx") else "repaired.pt2")
    _tell(report, told)
    if loaded is not None:
        warn_bare(loaded, told.model)


def _tell(report: Check, told: CheckOptions) -> None:
    """The page, and on the screen the answer alone: the audit's many tables are on the page."""
    from haar.cli.screen import console
    from haar.cli.tables import print_tables
    from haar.report.json_file import dumps

    report.save_json(told.out / "check.json")
    report.save_html(told.out / "report.html")
    if told.as_json:
        typer.echo(dumps(report.to_dict()), nl=False)
        return
    screen = console()
    own = 3 if report.discovery is not None else 2
    print_tables(screen, [section for section in report.sections()[:own] if section.table is not None])
    screen.print(report.summary, style="bold")
    if report.written is not None:
        screen.print(f"repaired model: {report.written}")
    if report.not_written:
        screen.print(f"the repaired model was not written: {report.not_written}")
    screen.print(f"report: {told.out / 'report.html'}")
    for command in report.commands:
        screen.print(f"next: {command}", highlight=False, soft_wrap=True)


def _budget(told: CheckOptions) -> Budget | None:
    """How long is trained; None where that was not asked for.

    Raises:
        ArgumentError: If it is told how long, and not to train.
    """
    from haar.check import Budget

    told_how_long = {"steps": told.steps, "seconds": told.seconds}
    given = {name: value for name, value in told_how_long.items() if value is not None}
    if not told.relax:
        for name, value in given.items():
            raise ArgumentError(f"--{name}", expected="--relax beside it", got=f"{value} alone")
        return None
    return Budget(**given)  # type: ignore[arg-type]


def _checked(
    told: CheckOptions, given: tuple[Any, Symmetry | None, Any, Any], budget: Budget | None, bars: Any
) -> Check:
    from haar.check import check as run
    from haar.check.checked import Spoken
    from haar.data.molecules.structure_rows import EnergyOfPositions

    module, symmetry, rows, scale = given
    options = [f"--fields '{told.fields}'"] if told.fields else []
    options += [f"--history {told.history}"] if told.history else []
    options += [f"--weights {told.weights}"] if told.weights else []
    options += [f"--factory-arg {word}" for word in told.factory_arg or ()]
    options += ["--normalised"] if told.normalised else []
    found = told.out / "found.json"
    structures = isinstance(module, EnergyOfPositions)
    spoken = Spoken(
        told.model,
        str(told.data),
        told.group or "",
        " ".join(options),
        "" if told.group else str(found),
        structures=structures,
        labels=_columns_told(told),
    )
    given_too = {"symmetry": symmetry, "scale": scale, "seed": told.seed, "spoken": spoken, "watch": bars}
    report = run(module, rows, relax=budget or False, **given_too)
    if report.discovery is not None and report.discovery.coordinates is not None:
        report.discovery.save(found)
    elif report.discovery is not None and report.symmetry is not None:
        _save_found(report, found)
    return report


def _columns_told(told: CheckOptions) -> str:
    """Which columns are labels and trajectories, as options."""
    columns = (("labels", told.labels), ("trajectories", told.trajectories))
    return " ".join(f"--{word} '{value}'" for word, value in columns if value)


def _save_found(report: Check, path: Path) -> None:
    """The symmetry that was found, for `haar audit --symmetry`; one that no file holds is called by its name."""
    from dataclasses import replace

    from haar.actions import symmetry_to_dict
    from haar.groups.names import named_group
    from haar.report.json_file import write_json

    symmetry = report.symmetry
    if symmetry is None:
        return
    try:
        write_json(path, symmetry_to_dict(symmetry) | {"found": report.summary})
    except ArgumentError:
        name = symmetry.group.name
        try:
            named_group(name)
        except ArgumentError:
            name = ""
        report.spoken = replace(report.spoken, group=name, found="")


def _write_model(report: Check, out: Path, name: str) -> None:
    """Next to the report; where torch cannot write it, the page says why."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        report.save_model(out / name)
    except HaarError as error:
        report.not_written = str(error)


def _of_well(told: CheckOptions, loaded: LoadedModel) -> tuple[Any, Symmetry | None, Any, Any]:
    """The model in physical units, windows of the data set, and the scale of its fields."""
    from haar.cli.options import no_labels
    from haar.cli.surrogate_input import physical_model, try_model, window_data
    from haar.cli.well_data import open_well, well_symmetry
    from haar.data.well.spread_windows import SpreadWindows, field_scale

    no_labels(told.labels, told.data, told.trajectories)

    reader, names = open_well(told.data, split=told.split, fields=told.fields)
    windows = window_data(reader, names, told.history, loaded.channels, loaded.module)
    symmetry = None if told.group is None else well_symmetry(reader.metadata, told.group, windows.inputs)
    module = physical_model(loaded.module, reader, windows, normalised=told.normalised)
    try_model(module, windows)
    chosen = SpreadWindows(windows, samples=told.samples or 64, batch_size=8)
    scale = field_scale(chosen, windows.outputs)
    return module, symmetry, list(chosen), scale


def _of_structures(told: CheckOptions, loaded: LoadedModel | None) -> tuple[Any, Symmetry | None, Any, Any]:
    """Positions of frames of one molecule, labelled by their energies; the energy by a calculator, or a model."""
    from haar.cli.options import no_labels
    from haar.cli.rows_file import symmetry_of_rows
    from haar.cli.structures import energy_model
    from haar.data.molecules import read_structures
    from haar.data.molecules.structure_rows import structure_rows

    no_labels(told.labels, told.data, told.trajectories)
    structures = read_structures(told.data, most=told.samples or 256, argument="DATA")
    positions, energies = structure_rows(structures, argument="DATA")
    if loaded is not None:
        return _of_rows(told, loaded, (positions, energies, None))
    module = energy_model(told.model, told.factory_arg or (), structures)
    symmetry = None if told.group is None else symmetry_of_rows(told.group, tuple(positions.shape[1:]), (1,))
    return module, symmetry, (positions, energies), None


def _of_rows(
    told: CheckOptions, loaded: LoadedModel, rows: tuple[Any, Any, Any] | None = None
) -> tuple[Any, Symmetry | None, Any, Any]:
    """Rows of arrays, in the model's precision."""
    from haar.cli.row_model import model_of_rows
    from haar.cli.rows_file import read_rows

    if rows is None:
        most = told.samples or 2048
        rows = read_rows(told.data, most=most, labels=told.labels, trajectories=told.trajectories)
    module, symmetry = model_of_rows(loaded, rows[0], told.group, fields=told.fields, history=told.history)
    return module, symmetry, rows, None
