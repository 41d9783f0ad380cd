"""``haar audit``: does a model respect a symmetry, on data in The Well's format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haar.cli.command import told_by
from haar.cli.options import (
    FactoryArg,
    Fields,
    History,
    Labels,
    Model,
    Trajectories,
    Weights,
    count_option,
    folder_option,
    no_labels,
    seed_option,
)
from haar.errors import ArgumentError

if TYPE_CHECKING:  # they import torch
    from torch import Tensor

    from haar.data.well.spread_windows import SpreadWindows
    from haar.processes import Ranks

#: Files of numbers without names.
_TABLES = (".npy", ".csv", ".txt", ".safetensors", ".pt", ".pth")


@dataclass(frozen=True)
class AuditOptions:
    """What the command is told."""

    model: Model
    data: Annotated[
        Path,
        typer.Argument(
            help="A data set in The Well's format, its folder or one HDF5 file; .npz or HDF5 with x (y, clusters), or "
            "file.h5:inputs,labels; or a table, .npy or .csv."
        ),
    ]
    group: Annotated[
        str | None,
        typer.Option(
            help='auto, C2, C4, D2, D4, reflections, O, Oh, shifts, or "D4 x shifts:16" (cells); discover finds one.'
        ),
    ] = None
    symmetry: Annotated[
        Path | None, typer.Option(help="In place of --group: a symmetry that haar discover --save wrote.")
    ] = None
    fields: Fields = None
    labels: Labels = None
    trajectories: Trajectories = None
    history: History = None
    weights: Weights = None
    factory_arg: FactoryArg = None
    split: Annotated[str | None, typer.Option(help="train, valid or test (or what there is).")] = None
    normalised: Annotated[
        bool, typer.Option("--normalised", help="The model works on z-scores by the data set's stats.yaml.")
    ] = False
    samples: Annotated[int, count_option("Windows to look at, spread evenly over the split.")] = 64
    batch_size: Annotated[int, count_option("Windows at a time.", "--batch-size", "--batch")] = 8
    law: Annotated[
        str | None,
        typer.Option(
            help="Follow a law through the model too, without samples: gauss, uniform, laplace, ..., every component "
            "about the data's own mean and spread."
        ),
    ] = None
    law_points: Annotated[
        int | None, count_option("Points of every axis for --law; those of the data by default.", most=4096)
    ] = None
    seed: Annotated[int, seed_option("Of drawn elements and tests.")] = 0
    out: Annotated[Path | None, folder_option("Folder for report.html and audit.json.")] = None
    shard: Annotated[
        str, typer.Option(help="What the processes of torchrun divide: data, or elements of the group.")
    ] = "data"
    as_json: Annotated[bool, typer.Option("--json", help="Print the audit as one JSON object.")] = False


@told_by(AuditOptions)
def audit(told: AuditOptions) -> None:
    """Audit MODEL against a symmetry on DATA.

    Prints where and by how much the symmetry is broken, what averaging would gain (without and with labels), whether
    the data have the symmetry at all, and one sentence: average, average softly, or do not. With --group signs MODEL is
    a fitted estimator of scikit-learn and DATA its rows, see haar audit components.
    """
    from haar.cli.structures import holds_structures
    from haar.data.array_file import holds_arrays

    if told.group == "signs":
        _audit_signs(told)
    elif told.symmetry is not None or told.group in (None, "discover"):
        _of_found(told)
    elif holds_structures(told.model, told.data) or told.data.suffix.lower() in _TABLES or holds_arrays(told.data):
        _of_rows(told)
    else:
        _of_fields(told)


def _of_fields(told: AuditOptions) -> None:
    """Audit a surrogate of fields against a group by its name, in one process or several."""
    from haar.audit import audit as run
    from haar.cli.delivery import deliver
    from haar.cli.law_of_fields import law_of_fields
    from haar.cli.model_file import load_model
    from haar.cli.screen import ProgressBars, warn_bare
    from haar.cli.several import ranks_here, way_on
    from haar.cli.surrogate_input import physical_model, try_model, window_data
    from haar.cli.well_data import open_well, well_symmetry
    from haar.data.well.spread_windows import SpreadWindows

    no_labels(told.labels, told.data, told.trajectories)
    loaded = load_model(told.model, weights=told.weights, arguments=told.factory_arg or ())
    reader, names = open_well(told.data, split=told.split, fields=told.fields)
    windows = window_data(reader, names, told.history, loaded.channels, loaded.module)
    symmetry = well_symmetry(reader.metadata, str(told.group), windows.inputs)
    module = physical_model(loaded.module, reader, windows, normalised=told.normalised)
    try_model(module, windows)
    chosen = SpreadWindows(windows, samples=told.samples, batch_size=told.batch_size)
    ranks = ranks_here()
    kept = None if ranks is None or told.out is None else told.out / "parts"
    silent = ranks is not None and ranks.rank > 0
    if ranks is not None:
        ranks.way_on = way_on(told.out)
    with ProgressBars(quiet=told.as_json or silent) as bars, _held(kept, silent=silent):
        report = run(
            module,
            symmetry,
            chosen,
            scale=_scale(chosen, ranks),
            seed=told.seed,
            watch=bars,
            fabric=ranks,
            shard=told.shard,
            kept=kept,
        )
        if told.law is not None and not silent:
            given, shape = law_of_fields(told.law, chosen, symmetry, points=told.law_points)
            with bars.stage(f"following {told.law}", 1):
                report.follow(given, input_shape=shape, on_unsupported="linearise")
    if not silent:
        deliver(report, told.out, "audit.json", report.summary, as_json=told.as_json)
        warn_bare(loaded, told.model)


def _of_rows(told: AuditOptions) -> None:
    """Audit a model of arrays against a group by its name."""
    from haar.cli.model_file import load_model
    from haar.cli.options import named_on_the_command_line
    from haar.cli.row_model import model_of_rows
    from haar.cli.screen import warn_bare

    names = ("split", "law", "law_points")
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(told, name) is not None]
    if given or told.normalised:
        raise ArgumentError(
            ", ".join(given or ["--normalised"]),
            expected="none beside arrays",
            got=str(told.data),
            way_out="these are for data in The Well's format",
        )
    loaded = load_model(told.model, weights=told.weights, arguments=told.factory_arg or (), fields=False)
    x, y, clusters = _rows(told)
    module, symmetry = model_of_rows(loaded, x, told.group, fields=told.fields, history=told.history)
    with named_on_the_command_line(data="DATA", model="MODEL", symmetry="--group"):
        _run(told, module, symmetry, x if y is None else (x, y), clusters=clusters)
    warn_bare(loaded, told.model)


def _run(told: AuditOptions, model: Any, symmetry: Any, data: Any, *, clusters: Tensor | None = None) -> None:
    """Audit, and tell or write what was found."""
    from haar.audit import audit as run
    from haar.cli.delivery import deliver
    from haar.cli.screen import ProgressBars

    with ProgressBars(quiet=told.as_json) as bars:
        report = run(
            model,
            symmetry,
            data,
            clusters=clusters,
            batch_size=told.batch_size,
            max_samples=told.samples,
            seed=told.seed,
            watch=bars,
        )
    deliver(report, told.out, "audit.json", report.summary, as_json=told.as_json)


def _rows(told: AuditOptions) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Rows of arrays, or positions of frames of one molecule with their energies."""
    from haar.cli.rows_file import read_rows
    from haar.cli.structures import holds_structures
    from haar.data.molecules import read_structures
    from haar.data.molecules.structure_rows import structure_rows

    if not holds_structures(told.model, told.data):
        return read_rows(told.data, most=told.samples, labels=told.labels, trajectories=told.trajectories)
    no_labels(told.labels, told.data, told.trajectories)
    frames = read_structures(told.data, most=told.samples, argument="DATA")
    return (*structure_rows(frames, argument="DATA"), None)


@contextmanager
def _held(kept: Path | None, *, silent: bool) -> Iterator[None]:
    """Hold the folder of finished sections for one job alone."""
    from haar.folders import claimed

    if kept is None or silent:
        yield
        return
    with claimed(kept.parent):
        yield


def _scale(chosen: SpreadWindows, ranks: Ranks | None) -> Tensor:
    """The spread of every output field; of several processes each reads its own windows."""
    from haar.data.well.spread_windows import field_scale, field_sums, scale_of_sums
    from haar.processes import sections

    layout = chosen.windows.outputs
    if ranks is None:
        return field_scale(chosen, layout)
    mine = ranks.own(sections(len(chosen), ranks.world))
    sums: list[Tensor] = [field_sums(chosen.section(part.first, part.last), layout) for part in mine]
    return scale_of_sums(ranks.joined(sums, lambda one, other: [*one, *other]), layout)


def _of_found(told: AuditOptions) -> None:
    """Audit against a symmetry that was found: of a file, or found here."""
    from haar.cli.found_symmetry import found_symmetry
    from haar.cli.model_file import load_model
    from haar.cli.screen import warn_bare

    if (told.symmetry is None) == (told.group is None):
        raise ArgumentError(
            "--group, --symmetry",
            expected="one of them",
            got="none" if told.group is None else "both",
            way_out="--group auto takes what grid and boundaries allow, --group discover finds one",
        )
    if told.law is not None:
        raise ArgumentError("--law", expected="none beside a symmetry that was found", got=told.law)
    loaded = load_model(told.model, weights=told.weights, arguments=told.factory_arg or (), fields=False)
    found = found_symmetry(
        loaded, told.data, told.symmetry, seed=told.seed, labels=told.labels, trajectories=told.trajectories
    )
    _run(told, found.model, found.symmetry, found.data)
    warn_bare(loaded, told.model)


def _audit_signs(told: AuditOptions) -> None:
    """Of an estimator's components; options of fields have no meaning there."""
    from haar.cli.component_audit import audit_signs_of

    names = ("fields", "labels", "trajectories", "history", "weights", "split", "law", "law_points")
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(told, name) is not None]
    if given or told.normalised:
        got = ", ".join(given or ["--normalised"])
        raise ArgumentError("--group signs", expected="an estimator and its rows, without options of fields", got=got)
    audit_signs_of(
        told.model,
        told.data,
        arguments=told.factory_arg or (),
        samples=told.samples,
        seed=told.seed,
        out=told.out,
        as_json=told.as_json,
    )
