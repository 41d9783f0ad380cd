"""A group of commands, one of which is meant when none is named."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class DefaultCommandGroup(TyperGroup):
    """``haar average MODEL`` is ``haar average export MODEL``: the first command is the default."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Put the first command's name in front, unless a command or help is asked for."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [next(iter(self.commands)), *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The commands, then the arguments and options of the one that is meant."""
        super().format_help(ctx, formatter)
        first = self.commands[next(iter(self.commands))]
        # without a name of its own: as it is typed
        own = first.make_context("", [], parent=ctx, resilient_parsing=True)
        first.format_help(own, formatter)
