"""Arguments and options that several verbs share, and the ranges of numbers."""

from __future__ import annotations

import ast
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from haar.errors import ArgumentError
from haar.limits import MOST_SAMPLES, MOST_STEPS, SEED_LIMIT


def _checked_number(value: float | int | None) -> float | int | None:
    if value is not None and not 0 < value < math.inf:
        raise typer.BadParameter(f"expected a positive number, got {value}")
    return value


def _checked_folder(folder: Path | None) -> Path | None:
    """A folder that can be written, so that nothing is computed in vain."""
    if folder is not None:
        check_folder("--out", folder)
    return folder


def seed_option(of: str) -> Any:
    """A seed.

    Args:
        of: Random choices that derive from it, for the help.
    """
    return typer.Option(min=0, max=SEED_LIMIT, help=of)


def count_option(what: str, *names: str, least: int = 1, most: int = MOST_SAMPLES) -> Any:
    """A number of things.

    Args:
        what: What is counted, for the help.
        names: Of the option, where it is not that of the argument.
        least: Smallest number that is accepted.
        most: Largest number that is accepted.
    """
    return typer.Option(*names, min=least, max=most, help=what)


def steps_option(what: str, least: int = 1) -> Any:
    """A number of steps of something that goes on."""
    return typer.Option(min=least, max=MOST_STEPS, help=what)


def positive_option(what: str, *names: str) -> Any:
    """A number above 0 that is finite.

    Args:
        what: What the number is, for the help.
        names: Of the option, where it is not that of the argument.
    """
    return typer.Option(*names, callback=_checked_number, help=what)


def share_option(what: str, *, most: float = 1.0) -> Any:
    """A number from 0 to `most`."""

    def checked(value: float | int | None) -> float | int | None:
        if value is not None and not 0 <= value <= most:
            raise typer.BadParameter(f"expected a number from 0 to {most:g}, got {value}")
        return value

    return typer.Option(callback=checked, help=what)


def no_labels(labels: str | None, data: Path, trajectories: str | None = None) -> None:
    """Refuse --labels and --trajectories beside data that know their own.

    Args:
        labels: As given.
        data: DATA.
        trajectories: As given.

    Raises:
        ArgumentError: If there are any.
    """
    for word, given in (("labels", labels), ("trajectories", trajectories)):
        if given is not None:
            raise ArgumentError(f"--{word}", expected=f"none beside {data}, which knows its {word}", got=repr(given))


def folder_option(what: str) -> Any:
    """A folder to write into."""
    return typer.Option(callback=_checked_folder, help=what)


def check_folder(argument: str, folder: Path) -> None:
    """Refuse a folder that cannot be made or written, before anything is computed.

    Raises:
        ArgumentError: Saying why.
    """
    try:
        there = folder
        while not there.exists() and there != there.parent:
            there = there.parent
        if not there.is_dir():
            raise ArgumentError(argument, expected="a folder", got=f"{there}, which is a file")
        if not os.access(there, os.W_OK | os.X_OK):
            raise ArgumentError(argument, expected="a folder that can be written", got=f"{there}, which cannot")
    except (OSError, ValueError) as error:  # too long a name, one with a null byte, no permission to look
        reason = getattr(error, "strerror", None) or error
        raise ArgumentError(argument, expected="a folder that can be written", got=f"{folder} ({reason})") from error


def check_output(argument: str, path: Path, *suffixes: str) -> None:
    """Refuse a file that cannot be written, before anything is computed.

    Args:
        argument: What the user calls it.
        path: The file that is to be written.
        suffixes: How its name may end; any where none is given.

    Raises:
        ArgumentError: Saying why.
    """
    if suffixes and path.suffix not in suffixes:
        raise ArgumentError(argument, expected=f"a name that ends in {' or '.join(suffixes)}", got=repr(path.name))
    check_folder(argument, path.parent)
    if path.is_dir():
        raise ArgumentError(argument, expected="a file", got=f"{path}, which is a folder")


def whole_numbers(
    argument: str, text: str, *, expected: str, divided: str = ",", least: int = 1, most: int = MOST_SAMPLES
) -> tuple[int, ...]:
    """Whole numbers from words.

    Args:
        argument: What the user calls them.
        text: The words that the user typed.
        expected: What they should be, for the message.
        divided: The characters between them.
        least: Smallest number that is accepted.
        most: Largest number that is accepted.

    Raises:
        ArgumentError: If they are anything else.

    Example:
        >>> whole_numbers("--shape", "1,28x28", expected="points", divided=",x")
        (1, 28, 28)
    """
    parts = [part.strip() for part in re.split(f"[{divided}]", text)]
    # Digits of this alphabet alone, and no more of them than a number has that anything is counted with.
    if not all(re.fullmatch("[0-9]{1,18}", part) and least <= int(part) <= most for part in parts):
        raise ArgumentError(argument, expected=expected, got=repr(text))
    return tuple(map(int, parts))


@contextmanager
def named_on_the_command_line(**options: str) -> Iterator[None]:
    """Let a verb's refusals name what the user typed.

    Args:
        options: For each argument of the verb, what the command calls it.

    Raises:
        ArgumentError: The verb's own, with the argument renamed.

    Example:
        >>> with named_on_the_command_line(symmetry="--group"):
        ...     raise ArgumentError("symmetry", expected="a finite group", got="SO(2)")
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: --group: expected a finite group, got SO(2)
    """
    try:
        yield
    except ArgumentError as error:
        if error.argument not in options:
            raise
        named = options[error.argument]
        raise type(error)(named, expected=error.expected, got=error.got, way_out=error.way_out) from error


def literal(text: str) -> Any:
    """A Python literal, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


Model = Annotated[
    str,
    typer.Argument(
        help="A torch.export file (.pt2) or a folder with one (org/name), a haar surrogate (.safetensors), or "
        "module:factory, imported from here."
    ),
]
Data = Annotated[Path, typer.Argument(help="A data set in The Well's format: its folder, or one HDF5 file.")]
Group = Annotated[
    str, typer.Option(help='auto, C2, C4, D2, D4, reflections, O, Oh, shifts, or "D4 x shifts:16" (cells).')
]
Fields = Annotated[
    str | None, typer.Option(help='The fields of the model, such as "tracer, velocity:vector, w:pseudoscalar".')
]
Labels = Annotated[
    str | None,
    typer.Option(help="Of a table, the columns of labels by heading or number from 0: lift,drag; of arrays, a name."),
]
Trajectories = Annotated[
    str | None,
    typer.Option(
        help="Of a table, the column that says which trajectory (subject, run, day) a row is of, by heading or number: "
        "rows of one are not independent. Of arrays, a name."
    ),
]
History = Annotated[
    int | None, count_option("Time steps in the model's input; by default found by one forward.", most=10_000)
]
Weights = Annotated[
    Path | None,
    typer.Option(help="For a factory: its state dict, .safetensors or .pt (tensors alone), or a folder of them."),
]
FactoryArg = Annotated[list[str] | None, typer.Option(help="For a factory: name=value; may be repeated.")]
