"""The command ``haar``: its verbs, and what becomes of errors. Torch is imported inside a verb only."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from haar.cli import audits, average, data, demo, moments, quantum, relax, reproduce, rg, systems
from haar.cli.threads import fit_threads
from haar.errors import HaarError

app = typer.Typer(
    name="haar",
    help="Symmetry in machine-learning models: audit it, average it, relax it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.add_typer(audits.app, name="audit")
app.add_typer(average.app, name="average")
app.add_typer(data.app, name="data")
app.command("moments")(moments.moments)
app.add_typer(relax.app, name="relax")
app.add_typer(rg.app, name="rg")
app.add_typer(quantum.app, name="quantum")
app.command("reproduce")(reproduce.reproduce)
app.command("systems")(systems.systems)

# typer.BadParameter < UsageError < ClickException: the base of everything wrong with a command line.
_WrongUsage: type[Exception] = typer.BadParameter.__mro__[2]


def _print_version(wanted: bool | None) -> None:  # noqa: FBT001 (typer calls it so)
    if wanted:
        from importlib.metadata import version

        typer.echo(f"haar {version('haar')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool | None, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = None,
) -> None:
    del version  # its callback has answered


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What stands after ``haar``; by default this process's own.

    Returns:
        0 when the command did its work, 1 when it found that an effect does not hold, 2 for bad input (one line on
        stderr), 130 when it was interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    fit_threads(next((word for word in words if not word.startswith("-")), None))
    try:
        code = app(words, prog_name="haar", standalone_mode=False)
    except _WrongUsage as error:
        return _refuse(error.format_message())  # type: ignore[attr-defined]
    except HaarError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except (typer.Abort, KeyboardInterrupt):
        return 130
    return code if isinstance(code, int) else 0


def _refuse(message: str) -> int:
    """One line on stderr; exit code 2."""
    if message:
        sys.stderr.write(f"haar: {' '.join(message.split())}\n")
    return 2
