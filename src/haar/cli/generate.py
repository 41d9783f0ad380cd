"""From the words of ``haar data well generate`` to a generator and its files."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from haar.cli.options import check_folder, literal, whole_numbers
from haar.data.generators import Generator, catalogue
from haar.data.generators.generation import write_runs
from haar.data.generators.options import option_names, with_options
from haar.errors import ArgumentError
from haar.watch import Watch

# The command has words of its own for these.
_SPOKEN_FOR = ("resolution", "n_trajectories", "n_steps", "seed", "dtype")


def write_generated(
    name: str,
    out: Path,
    *,
    resolution: str | None,
    splits: Mapping[str, int],
    steps: int,
    seed: int,
    options: Sequence[str],
    watch: Watch,
) -> None:
    """Make a generator from words and write its runs.

    Args:
        name: Name of the generator.
        out: Folder to write; it must not hold a data set, but may hold what a killed command has begun.
        resolution: ``"64"`` or ``"64x128"``; None for the generator's own.
        splits: Trajectories of every split.
        steps: Frames of a trajectory.
        seed: Seed of the data set.
        options: Of the generator, ``name=value``.
        watch: Told of the progress.

    Raises:
        ArgumentError: If a word is unknown or the folder holds a data set.
    """
    generator = make_generator(name, resolution, steps=steps, seed=seed, options=options)
    check_folder("OUT", out)
    write_runs(generator, out, splits, over=False, watch=watch)


def make_generator(
    name: str, resolution: str | None, *, steps: int, seed: int, options: Sequence[str] = ()
) -> Generator:
    """A generator from words; without a resolution it has its own.

    Raises:
        ArgumentError: If the generator or one of its options is unknown, or a value does not fit.

    Example:
        >>> make_generator("gray_scott", "32x64", steps=3, seed=0, options=["save_every=5"]).resolution
        (32, 64)
    """
    known = catalogue()
    if name not in known:
        raise ArgumentError("NAME", expected=f"one of {', '.join(known)}", got=repr(name))
    kind = known[name]
    given = dict(_option(kind, text) for text in options)
    if resolution is not None:
        given["resolution"] = _resolution(resolution)
    try:
        return with_options(kind, {"n_steps": steps, "seed": seed, **given})
    except ArgumentError:
        raise
    except (TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise ArgumentError("--option", expected=f"values that {name} understands", got=f"{given} ({error})") from error


def _resolution(text: str) -> tuple[int, int]:
    expected = "points, such as 64 or 64x128"
    points = whole_numbers("--resolution", text, expected=expected, divided="x", least=2, most=100_000)
    if len(points) > 2:
        raise ArgumentError("--resolution", expected=expected, got=repr(text))
    return points[0], points[-1]


def _option(kind: type[Generator], text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    known = [name for name in option_names(kind) if name not in _SPOKEN_FOR]
    if not equals or name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        way_out = f"did you mean {close[0]}?" if close else ""
        raise ArgumentError(
            "--option", expected=f"name=value with one of {', '.join(known)}", got=repr(text), way_out=way_out
        )
    return name, literal(value)
