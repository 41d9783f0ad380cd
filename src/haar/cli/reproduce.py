"""``haar reproduce``: a paper's experiment, and what becomes of its claims."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haar.cli.failure import goes_on
from haar.cli.options import count_option, folder_option
from haar.errors import ArgumentError, HaarError

if TYPE_CHECKING:  # they import torch
    from haar.sweeps import Workers
    from haar.systems.combined import AllResults
    from haar.systems.recipe import Result


def _complete_name(incomplete: str) -> list[str]:
    from haar.systems import SYSTEMS

    return [system.name for system in SYSTEMS if system.name.startswith(incomplete)]


def _one(
    name: str, folder: Path, data: Path | None, *, preset: str, seeds: int | None, first_seed: int, crew: Workers | None
) -> Result:
    from haar.cli.screen import ProgressBars
    from haar.cli.sweep_screen import SweepScreen
    from haar.systems.recipe import load_recipe
    from haar.systems.runner import reproduce as run

    recipe = load_recipe(name)
    with ProgressBars() as bars, SweepScreen() as told:
        return run(
            recipe,
            out=folder,
            preset=preset,
            seeds=seeds,
            first_seed=first_seed,
            data=data,
            watch=bars,
            workers=crew,
            told=told,
        )


def _all(
    folder: Path, data: Path | None, *, preset: str, seeds: int | None, first_seed: int, crew: Workers | None
) -> AllResults:
    from haar.cli.screen import ProgressBars
    from haar.cli.sweep_screen import SweepScreen
    from haar.systems.everything import reproduce_all

    if data is not None:
        raise ArgumentError("--data", expected="none beside --all", got=str(data), way_out="give one system's name")
    with ProgressBars() as bars, SweepScreen() as told:
        return reproduce_all(
            out=folder, preset=preset, seeds=seeds, first_seed=first_seed, watch=bars, workers=crew, told=told
        )


def reproduce(
    name: Annotated[
        str | None, typer.Argument(help="A system's name; `haar systems` lists them.", autocompletion=_complete_name)
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every system, and one page of all claims.")] = False,
    preset: Annotated[
        str, typer.Option(help="quick (minutes), full (the paper's sizes or ours), or one that reads published data.")
    ] = "quick",
    seeds: Annotated[int | None, count_option("Number of seeds; the preset has its own.", most=10_000)] = None,
    first_seed: Annotated[int, count_option("The first seed.", least=0, most=10**6)] = 0,
    data: Annotated[Path | None, typer.Option(help="Published files, for presets that read them.")] = None,
    out: Annotated[Path | None, folder_option("Folder for everything; out/NAME by default.")] = None,
    workers: Annotated[
        str | None,
        typer.Option(
            help="Who measures seeds: local:4 (processes here), or slurm:PARTITION[,minutes=600,cpus=2,gb=16]."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Run a system's experiment over seeds and judge what its paper claims.

    Every claim holds, is open (its interval has both sides of the bound in it, or something is not finite), or is
    contradicted. Finished seeds are kept in the folder and skipped; a killed run goes on where it was. Exit code 1 says
    that a claim is contradicted.
    """
    if (name is None) != every:
        got = "neither" if name is None else f"{name} and --all"
        raise ArgumentError("NAME", expected="a system's name, or --all", got=got)
    folder = out or (Path("out") if name is None else Path("out") / name)
    with goes_on(folder):
        from haar.sweeps import Workers

        crew = None if workers is None else Workers.parse(workers)
        result: Result | AllResults = (
            _all(folder, data, preset=preset, seeds=seeds, first_seed=first_seed, crew=crew)
            if name is None
            else _one(name, folder, data, preset=preset, seeds=seeds, first_seed=first_seed, crew=crew)
        )
    from haar.cli.screen import console
    from haar.cli.tables import print_tables
    from haar.report.json_file import dumps

    if as_json:
        typer.echo(dumps(result.to_dict()), nl=False)
    else:
        screen = console()
        print_tables(screen, result.sections())
        screen.print(f"report: {folder / 'report.html'}")
    _end(result)


def _end(result: Result | AllResults) -> None:
    """Exit code 1 for what is contradicted; an error for systems without a result."""
    if result.contradicted:
        raise typer.Exit(1)
    failed = getattr(result, "failed", [])
    if failed:
        faults = "; ".join(f"{one.system.name}: {one.fault}" for one in failed)
        message = f"{'1 system has' if len(failed) == 1 else f'{len(failed)} systems have'} no result: {faults}"
        raise HaarError(message)
