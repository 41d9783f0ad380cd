"""``haar audit``: does a model respect a symmetry, on data in The Well's format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from haar.cli.command import told_by
from haar.cli.options import (
    Data,
    FactoryArg,
    Fields,
    History,
    Model,
    Weights,
    count_option,
    folder_option,
    seed_option,
)
from haar.errors import ArgumentError


@dataclass(frozen=True)
class AuditOptions:
    """What the command is told."""

    model: Model
    data: Data
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
    as_json: Annotated[bool, typer.Option("--json", help="Print the audit as one JSON object.")] = False


@told_by(AuditOptions)
def audit(told: AuditOptions) -> None:
    """Audit MODEL against a symmetry on DATA.

    Prints where and by how much the symmetry is broken, what averaging would gain (without and with labels), whether
    the data have the symmetry at all, and one sentence: average, average softly, or do not.
    """
    from haar.audit import audit as run
    from haar.cli.delivery import deliver
    from haar.cli.law_of_fields import law_of_fields
    from haar.cli.model_file import load_model
    from haar.cli.screen import ProgressBars, warn_bare

    if told.symmetry is not None or told.group in (None, "discover"):
        _of_found(told)
        return
    from haar.cli.surrogate_input import physical_model, try_model, window_data
    from haar.cli.well_data import open_well, well_symmetry
    from haar.data.well.spread_windows import SpreadWindows, field_scale

    loaded = load_model(told.model, weights=told.weights, arguments=told.factory_arg or ())
    reader, names = open_well(told.data, split=told.split, fields=told.fields)
    windows = window_data(reader, names, told.history, loaded.channels, loaded.module)
    symmetry = well_symmetry(reader.metadata, str(told.group), windows.inputs)
    module = physical_model(loaded.module, reader, windows, normalised=told.normalised)
    try_model(module, windows)
    chosen = SpreadWindows(windows, samples=told.samples, batch_size=told.batch_size if loaded.batched else 1)
    with ProgressBars(quiet=told.as_json) as bars:
        report = run(
            module,
            symmetry,
            chosen,
            scale=field_scale(chosen, windows.outputs),
            seed=told.seed,
            watch=bars,
        )
        if told.law is not None:
            given, shape = law_of_fields(told.law, chosen, symmetry, points=told.law_points)
            with bars.stage(f"following {told.law}", 1):
                report.follow(given, input_shape=shape, on_unsupported="linearise")
    deliver(report, told.out, "audit.json", report.summary, as_json=told.as_json)
    warn_bare(loaded, told.model)


def _of_found(told: AuditOptions) -> None:
    """Audit against a symmetry that was found: of a file, or found here."""
    from haar.audit import audit as run
    from haar.cli.delivery import deliver
    from haar.cli.found_symmetry import found_symmetry
    from haar.cli.model_file import load_model
    from haar.cli.screen import ProgressBars, warn_bare

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
    found = found_symmetry(loaded, told.data, told.symmetry, seed=told.seed)
    with ProgressBars(quiet=told.as_json) as bars:
        report = run(
            found.model,
            found.symmetry,
            found.data,
            batch_size=told.batch_size,
            max_samples=told.samples,
            seed=told.seed,
            watch=bars,
        )
    deliver(report, told.out, "audit.json", report.summary, as_json=told.as_json)
    warn_bare(loaded, told.model)
