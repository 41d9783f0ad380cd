"""``haar discover``: which symmetry a model, or a data set, has, when nobody says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from haar.cli.command import told_by
from haar.cli.discover_options import DiscoverOptions
from haar.cli.options import check_output
from haar.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haar.discover import Discovery


@told_by(DiscoverOptions)
def discover(told: DiscoverOptions) -> None:
    """Find the symmetries of MODEL on DATA that nobody has named, or of samples alone with --law.

    Exit code 0 for what was found and for an honest none; with --require 1 if that group is not there.
    """
    from haar.cli.delivery import deliver
    from haar.discover import law

    if told.save is not None:
        check_output("--save", told.save, ".json")
    if told.law is not None:
        from haar.cli.number_file import read_numbers

        try:
            report: Any = law(read_numbers(told.law), seed=told.seed)
        except DataError as error:
            raise _of_file(told.law, error) from error
    else:
        report = _of_model(told)
    deliver(report, told.out, "discover.json", report.summary, as_json=told.as_json, answers=1)
    if told.save is not None:
        _save(report, told.save, aside=told.as_json)
    if told.require is not None and not _has(report, told.require):
        raise typer.Exit(1)


def _of_model(told: DiscoverOptions) -> Discovery:
    from haar.cli.found_symmetry import inputs_of
    from haar.cli.model_file import load_model
    from haar.cli.options import named_on_the_command_line, no_labels
    from haar.cli.screen import warn_bare
    from haar.cli.structures import holds_structures, names_calculator
    from haar.discover import discover as run

    if told.model is None or told.data is None:
        raise ArgumentError(
            "MODEL, DATA",
            expected="a model and its inputs, or --law and samples alone",
            got="fewer",
            way_out="see --help",
        )
    loaded = None
    if holds_structures(told.model, told.data) and names_calculator(told.model):
        no_labels(told.labels, told.data, told.trajectories)
        model, inputs = _of_calculator(told.model, told.factory_arg or (), told.data, told.samples)
    else:
        loaded = load_model(told.model, weights=told.weights, arguments=told.factory_arg or (), fields=False)
        model, inputs = loaded.module, inputs_of(told.data, loaded, told.labels, told.trajectories)
    with named_on_the_command_line(
        outputs="--outputs",
        kinds="--kinds",
        shared="--shared",
        weight="--weight",
        tolerance="--tolerance",
        max_samples="--samples",
        dictionary="--dictionary",
        data="DATA",
        model="MODEL",
    ):
        found: Discovery = run(
            model,
            inputs,
            outputs=told.outputs,
            kinds=told.kinds,
            dictionary=_dictionary(told.dictionary),
            shared=told.shared,
            weight=told.weight,
            tolerance=told.tolerance,
            max_samples=told.samples,
            seed=told.seed,
        )
    if loaded is not None:
        warn_bare(loaded, told.model)
    return found


def _of_calculator(text: str, arguments: Sequence[str], data: Path, most: int) -> tuple[Any, Any]:
    """A calculator of ASE, and frames of one molecule."""
    from haar.cli.calculator_entry import calculator_of
    from haar.data.molecules import read_structures

    return calculator_of(text, arguments), read_structures(data, most=most, argument="DATA")


def _dictionary(name: str | None) -> Any:
    from haar.discover import Affine, GridFields, Linear, Monomials

    if name is None:
        return None
    known = {"affine": Affine, "linear": Linear, "grid": GridFields}
    if name in known:
        return known[name]()
    monomials = re.fullmatch(r"monomials:([1-9])", name)
    if monomials is None:
        raise ArgumentError("--dictionary", expected="affine, linear, monomials:2 or grid", got=repr(name))
    return Monomials(int(monomials[1]))


def _of_file(path: Path, error: DataError) -> DataError:
    told = str(error)
    return DataError(told if told.startswith(str(path)) else f"{path}: {told}")


def _save(report: Any, path: Path, *, aside: bool) -> None:
    """Write the symmetry, where there is one; beside JSON the word of it goes to stderr."""
    if getattr(report, "symmetry", None) is None:
        typer.echo(f"{path}: nothing to write, as no symmetry was established", err=aside)
        return
    report.save(path)
    typer.echo(f"symmetry: {path}", err=aside)


def _has(report: Any, name: str) -> bool:
    def plain(word: str) -> str:
        return re.sub(r"[^a-z0-9+]", "", word.lower())

    names = [step.name for step in report.staircase]
    names += [step.symmetry.group.name for step in report.staircase if step.symmetry is not None]
    return plain(name) in {plain(one) for one in names} | {plain(part) for one in names for part in one.split("=")}
