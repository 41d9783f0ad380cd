"""The command ``haar``: its verbs, and what becomes of errors. Torch is imported inside a verb only."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from haar.cli import (
    align,
    audits,
    average,
    check,
    compress,
    constitutive,
    data,
    demo,
    discover,
    lattice,
    moments,
    quantum,
    relax,
    reproduce,
    rg,
    systems,
)
from haar.cli.failure import Interrupted, WayOn, show_traceback, told
from haar.cli.loudness import PLAIN, set_loudness
from haar.cli.several import in_several, several
from haar.cli.threads import fit_threads
from haar.cli.verb import our_verbs
from haar.entry import own_code
from haar.errors import HaarError, one_line
from haar.running import commanded

#: The verbs as they are needed, the first first; others follow.
_ORDER = (
    "check",
    "audit",
    "discover",
    "average",
    "relax",
    "align",
    "compress",
    "moments",
    "lattice",
    "constitutive",
    "data",
    "demo",
    "reproduce",
    "systems",
)


class _Commands(TyperGroup):
    """The verbs. The end of a file that a model reads is no end of a conversation with the user."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Ordered by use."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise typer.Abort from error


app = typer.Typer(
    name="haar",
    cls=_Commands,
    help="Symmetry in machine-learning models: audit it, average it, relax it.",
    epilog="HAAR_TRACEBACK=1, or -v after a command, shows where something failed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("check")(check.check)
app.command("demo")(demo.demo)
app.command("discover")(discover.discover)
app.add_typer(align.app, name="align")
app.add_typer(audits.app, name="audit")
app.add_typer(average.app, name="average")
app.add_typer(compress.app, name="compress")
app.add_typer(constitutive.app, name="constitutive")
app.add_typer(data.app, name="data")
app.add_typer(lattice.app, name="lattice")
app.command("moments")(moments.moments)
app.add_typer(relax.app, name="relax")
app.add_typer(rg.app, name="rg")
app.add_typer(quantum.app, name="quantum")
app.command("reproduce")(reproduce.reproduce)
app.command("systems")(systems.systems)
our_verbs(app)

# typer.BadParameter < UsageError < ClickException: the base of everything wrong with a command line.
_INTERRUPTED = 130
_ANEW = "the same command begins anew"
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
        0 when the command did its work, 1 when it found that a claim is contradicted, 2 for bad input and for whatever
        else fails, the user's own model among it (one line on stderr; with HAAR_TRACEBACK set, its traceback before
        that), 130 when it was interrupted (one line that says how to go on).
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    fit_threads(next((word for word in words if not word.startswith("-")), None))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without some letter, a name that is no text
    set_loudness(PLAIN)
    answer = partial(app, words, prog_name="haar", standalone_mode=False)
    with commanded(shlex.join(["haar", *words])):
        if several():
            return in_several(words, lambda: _code(answer()), _failed)
        try:
            code = answer()
        except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 (a model fails in any way it likes)
            return _failed(error)
    return _code(code)


def _code(code: object) -> int:
    """The exit code of a command that came to its end."""
    if code == _INTERRUPTED:
        return _interrupted(_ANEW)
    return code if isinstance(code, int) else 0


def _failed(error: BaseException) -> int:
    """What an error means for the user; the exit code."""
    if isinstance(error, (Interrupted, KeyboardInterrupt)):
        return _interrupted(str(error) if isinstance(error, Interrupted) else _ANEW)
    if isinstance(error, SystemExit) and not own_code(error):  # the reader of a pipe has gone
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, _WrongUsage):
        return _refuse(_usage(error), error)
    if isinstance(error, HaarError):
        return _refuse(str(error), error)
    if isinstance(error, OSError):
        named = error.filename is not None and error.strerror
        return _refuse(f"{os.fsdecode(error.filename)}: {error.strerror}" if named else str(error), error)
    return _refuse(told(error.__cause__ if isinstance(error, typer.Abort) and error.__cause__ else error), error)


def _refuse(message: str, error: BaseException) -> int:
    """One line on stderr; exit code 2."""
    show_traceback(error)
    notes = [note for note in getattr(error, "__notes__", ()) if isinstance(note, WayOn)]
    message = "; ".join([message, *notes])
    if message:
        sys.stderr.write(f"haar: {one_line(message)}\n")
    return 2


def _usage(error: Exception) -> str:
    """What is wrong with a command line, after the name of the option where it is one's value."""
    options = getattr(getattr(error, "param", None), "opts", None)
    if type(error) is typer.BadParameter and options and error.message.startswith("expected "):
        return f"{max(options, key=len)}: {error.message}"
    return str(error.format_message())  # type: ignore[attr-defined]


def _interrupted(way_on: str) -> int:
    sys.stderr.write(f"haar: interrupted; {one_line(way_on)}\n")
    return _INTERRUPTED
