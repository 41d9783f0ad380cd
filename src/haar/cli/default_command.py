"""A group of commands, one of which is meant when none is named."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class DefaultCommandGroup(TyperGroup):
    """``haar average MODEL`` is ``haar average export MODEL``: the first command is the default."""

    #: Commands that may be written as options.
    spelt_as_options: frozenset[str] = frozenset({"ase"})

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Put the first command's name in front, unless a command or help is asked for; ``--ase X`` is ``ase X``."""
        args = self.with_name(list(args))
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [next(iter(self.commands)), *args]
        return super().parse_args(ctx, args)

    def with_name(self, args: list[str]) -> list[str]:
        """A command that is written as an option with its first argument, wherever that stands."""
        for at, word in enumerate(args[:1] if args and args[0] in self.commands else args):
            name, equals, value = word.removeprefix("--").partition("=")
            if word.startswith("--") and name in self.spelt_as_options:
                return [
                    name,
                    *([value] if equals else args[at + 1 : at + 2]),
                    *args[:at],
                    *args[at + (1 if equals else 2) :],
                ]
        return args

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The commands, then the arguments and options of the one that is meant."""
        super().format_help(ctx, formatter)
        first = self.commands[next(iter(self.commands))]
        # without a name of its own: as it is typed
        own = first.make_context("", [], parent=ctx, resilient_parsing=True)
        first.format_help(own, formatter)
