"""``haar data``: make and look at data sets in The Well's format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from haar.cli.failure import goes_on
from haar.cli.options import Data, count_option, seed_option

app = typer.Typer(help="Make and inspect data sets.", no_args_is_help=True)
well = typer.Typer(help="The Well's HDF5 format.", no_args_is_help=True)
app.add_typer(well, name="well")


@well.command("generate")
def generate(
    name: Annotated[
        str, typer.Argument(help="gray_scott, turbulence, shear_flow, acoustic_inclusions or rayleigh_benard.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder to write: data/<split>/*.hdf5 and stats.yaml.")],
    *,
    resolution: Annotated[
        str | None,
        typer.Option(help="Points along x and y, 64 or 64x128; by default 64x64 (rayleigh_benard: 128x32, a 4x1 box)."),
    ] = None,
    train: Annotated[int, count_option("Trajectories for training.")] = 20,
    valid: Annotated[int, count_option("Trajectories for validation.", least=0)] = 0,
    test: Annotated[int, count_option("Trajectories for testing.", least=0)] = 8,
    steps: Annotated[int, count_option("Stored frames of a trajectory.", least=2)] = 25,
    seed: Annotated[int, seed_option("Seed of the data set.")] = 0,
    option: Annotated[
        list[str] | None, typer.Option(help="Of the generator: name=value, such as save_every=10; may be repeated.")
    ] = None,
) -> None:
    """Run a solver and write its trajectories as a Well folder; a killed command goes on where it was."""
    splits = {"train": train, "valid": valid, "test": test}
    with goes_on(out):
        from haar.cli.generate import write_generated
        from haar.cli.screen import ProgressBars, console

        with ProgressBars() as bars:
            write_generated(
                name,
                out,
                resolution=resolution,
                splits=splits,
                steps=steps,
                seed=seed,
                options=option or (),
                watch=bars,
            )
    console().print(f"{out}: {name}, {train} + {valid} + {test} trajectories of {steps} frames")


@well.command("inspect")
def inspect(
    data: Data,
    *,
    split: Annotated[str | None, typer.Option(help="train, valid or test.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a data set holds: fields, grid, boundaries, trajectories."""
    from haar.cli.screen import console
    from haar.cli.tables import print_tables
    from haar.cli.well_data import open_well
    from haar.cli.well_description import Description

    reader, _ = open_well(data, split=split)
    description = Description(reader)
    if as_json:
        typer.echo(json.dumps(description.to_dict(), indent=2, ensure_ascii=False))
        return
    print_tables(console(), description.sections())


@app.command("describe")
def describe(
    file: Annotated[Path, typer.Argument(help="A CSV in FRED-MD's layout.")],
    *,
    most: Annotated[int, count_option("Series that are listed.", most=10_000)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a monthly table holds: series, their transformations, months, missing values."""
    from haar.cli.screen import console
    from haar.cli.tables import print_tables
    from haar.data.monthly import read_fred_md
    from haar.data.monthly.description import MonthlyDescription

    description = MonthlyDescription(read_fred_md(file), name=file.name, most=most)
    if as_json:
        typer.echo(json.dumps(description.to_dict(), indent=2, ensure_ascii=False))
        return
    print_tables(console(), description.sections())
