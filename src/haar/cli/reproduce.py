"""``haar reproduce``: a paper's experiment, and what becomes of its claims."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haar.cli.failure import goes_on
from haar.cli.options import count_option, folder_option


def _complete_name(incomplete: str) -> list[str]:
    from haar.systems import SYSTEMS

    return [system.name for system in SYSTEMS if system.name.startswith(incomplete)]


def reproduce(
    name: Annotated[
        str, typer.Argument(help="A system's name; `haar systems` lists them.", autocompletion=_complete_name)
    ],
    *,
    preset: Annotated[
        str, typer.Option(help="quick (minutes), full (the paper's sizes or ours), or one that reads published data.")
    ] = "quick",
    seeds: Annotated[int | None, count_option("Number of seeds; the preset has its own.", most=10_000)] = None,
    first_seed: Annotated[int, count_option("The first seed.", least=0, most=10**6)] = 0,
    data: Annotated[Path | None, typer.Option(help="Published files, for presets that read them.")] = None,
    out: Annotated[Path | None, folder_option("Folder for everything; out/NAME by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Run a system's experiment over seeds and judge what its paper claims.

    Every claim holds, is open (its interval has both sides of the bound in it, or something is not finite), or is
    contradicted. Finished seeds are kept in the folder and skipped; a killed run goes on where it was. Exit code 1 says
    that a claim is contradicted.
    """
    folder = out or Path("out") / name
    with goes_on(folder):
        from haar.systems.recipe import load_recipe
        from haar.systems.runner import reproduce as run

        recipe = load_recipe(name)

        from haar.cli.screen import ProgressBars, console
        from haar.cli.tables import print_tables
        from haar.report.json_file import dumps

        with ProgressBars() as bars:
            result = run(recipe, out=folder, preset=preset, seeds=seeds, first_seed=first_seed, data=data, watch=bars)
    if as_json:
        typer.echo(dumps(result.to_dict()), nl=False)
    else:
        screen = console()
        print_tables(screen, result.sections())
        screen.print(f"report: {folder / 'report.html'}")
    if result.contradicted:
        raise typer.Exit(1)
