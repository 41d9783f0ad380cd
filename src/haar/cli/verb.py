"""What all commands have: help that flows, -v and -q, and pages that say by which options they were made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from haar.cli.as_typed import as_typed
from haar.cli.loudness import PLAIN, QUIET, VERBOSE, loudness, set_loudness
from haar.running import optioned

#: Options that tell how a command is heard, not what it does.
_HEARD = ("verbose", "quiet", "as_json", "help")


class Verb(TyperCommand):
    """A command of this house."""

    def __init__(self, name: str | None, **settings: Any) -> None:
        settings["help"] = flowing(settings.get("help"))
        super().__init__(name, **settings)
        self.params = [*self.params, *_heard()]

    def invoke(self, ctx: Any) -> Any:
        """Run it; a page that it writes tells the options, and a refusal names them."""
        with (
            optioned({name: value for name, value in ctx.params.items() if name not in _HEARD}),
            as_typed(self.params, ctx.params),
        ):
            return super().invoke(ctx)


def our_verbs(app: typer.Typer) -> None:
    """Make every command below an app a `Verb`."""
    for command in app.registered_commands:
        if command.cls in (None, TyperCommand):
            command.cls = Verb
    for group in app.registered_groups:
        if group.typer_instance is not None:
            our_verbs(group.typer_instance)


def flowing(text: str | None) -> str | None:
    r"""A docstring whose paragraphs have no line breaks of their own: a terminal breaks them where it ends.

    Example:
        >>> flowing("One\n    line.\n\n    Two\n    lines.")
        'One line.\n\nTwo lines.'
    """
    if text is None:
        return None
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n") if part.strip())


def _chosen(level: int) -> Callable[..., bool]:
    def choose(value: bool) -> bool:  # noqa: FBT001 (typer calls it so)
        if value:
            if loudness() not in (PLAIN, level):
                raise typer.BadParameter("-v and -q do not go together")
            set_loudness(level)
        return value

    return choose


Verbose = Annotated[
    bool,
    typer.Option(
        "-v", "--verbose", callback=_chosen(VERBOSE), expose_value=False,
        help="Say what goes on, and show the traceback of what fails.",
    ),
]  # fmt: skip
Quiet = Annotated[
    bool,
    typer.Option(
        "-q", "--quiet", callback=_chosen(QUIET), expose_value=False,
        help="Say the last word alone: no bars, no tables.",
    ),
]  # fmt: skip


@cache
def _heard() -> tuple[Any, ...]:
    """The two options, as typer makes them of hints."""
    app = typer.Typer(add_completion=False)

    @app.command()
    def heard(*, verbose: Verbose = False, quiet: Quiet = False) -> None: ...

    return tuple(param for param in typer.main.get_command(app).params if param.name != "help")
