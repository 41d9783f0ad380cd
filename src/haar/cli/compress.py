"""``haar compress``: what compression leaves of a model, and who sees the choice of its parameters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haar.cli.options import (
    FactoryArg,
    Labels,
    Trajectories,
    Weights,
    count_option,
    folder_option,
    named_on_the_command_line,
    seed_option,
)
from haar.errors import ArgumentError

if TYPE_CHECKING:
    from torch import nn

app = typer.Typer(
    help="Compress a model in many ways and see what is left: haar compress sweep MODEL DATA",
    no_args_is_help=True,
)

_MODEL = "module:factory, imported from here; or a haar surrogate (.safetensors)."
_DATA = (
    "module:function that returns batches; arrays x and y in .npz or .h5; a table, see --labels; or a .safetensors "
    "file with inputs and, if there are some, targets."
)
_METHODS = (
    'Names with commas between them, such as "magnitude, wanda, 2:4, quantise"; haar compress methods lists them.'
)
Model = Annotated[str, typer.Argument(help=_MODEL)]
Data = Annotated[str, typer.Argument(help=_DATA)]
Methods = Annotated[str | None, typer.Option(help=_METHODS)]
Metrics = Annotated[str | None, typer.Option(help="loss, perplexity, accuracy, drift, kl, cka; commas between them.")]
Calibration = Annotated[str | None, typer.Option(help="As DATA, for methods that look at inputs or gradients.")]
Layers = Annotated[list[str] | None, typer.Option(help="Pattern of names of layers, may be repeated.")]
Seed = Annotated[int, seed_option("Of whatever is random.")]
Out = Annotated[Path | None, folder_option("Folder for report.html and compress.json.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]


@app.command("sweep")
def sweep(
    model: Model,
    data: Data,
    *,
    methods: Methods = None,
    levels: Annotated[str | None, typer.Option(help="Levels for all methods, such as 0.2,0.5,0.8.")] = None,
    metrics: Metrics = None,
    labels: Labels = None,
    trajectories: Trajectories = None,
    calibration: Calibration = None,
    symmetry: Annotated[str | None, typer.Option(help="module:function that returns a haar.Symmetry.")] = None,
    layers: Layers = None,
    by_layer: Annotated[str | None, typer.Option(help="Tell of one method which layer is to blame.")] = None,
    draws: Annotated[int, count_option("Draws of the bootstrap.", least=0, most=100_000)] = 1000,
    weights: Weights = None,
    factory_arg: FactoryArg = None,
    seed: Seed = 0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Compress MODEL in several ways, from mild to strong, and tell how far each may go."""
    from haar import compress
    from haar.cli.delivery import deliver
    from haar.cli.screen import ProgressBars
    from haar.entry import called

    module = _module(model, weights, factory_arg)
    batches, near, clusters = _data(module, data, calibration, labels, trajectories)
    with _named(), ProgressBars(quiet=as_json) as bars:
        if by_layer is not None:
            found: Any = compress.sensitivity(
                module, by_layer, _words(metrics), batches, level=_only(levels), clusters=clusters, calibration=near,
                layers=layers, draws=draws, seed=seed, watch=bars,
            )  # fmt: skip
        else:
            found = compress.sweep(
                module, _words(methods), _words(metrics), batches, levels=_numbers(levels), clusters=clusters,
                symmetry=None if symmetry is None else called(symmetry, {}, "--symmetry"), calibration=near,
                layers=layers, draws=draws, seed=seed, watch=bars,
            )  # fmt: skip
    deliver(found, out, "compress.json", _plain(found.summary), as_json=as_json, answers=1)


@app.command("gauge")
def gauge(
    model: Model,
    data: Data,
    *,
    methods: Methods = None,
    metrics: Metrics = None,
    labels: Labels = None,
    trajectories: Trajectories = None,
    calibration: Calibration = None,
    layers: Layers = None,
    weights: Weights = None,
    factory_arg: FactoryArg = None,
    seed: Seed = 0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Does what a method gives depend on which of its equal copies MODEL is? Every factor of its gauge is tried.

    Gaps have no intervals: --trajectories only says which column is no input.
    """
    from haar import compress
    from haar.cli.delivery import deliver
    from haar.cli.screen import ProgressBars

    module = _module(model, weights, factory_arg)
    batches, near, _ = _data(module, data, calibration, labels, trajectories)
    with _named(), ProgressBars(quiet=as_json) as bars:
        found = compress.gauge(
            module, _words(methods), _words(metrics), batches, calibration=near, layers=layers, seed=seed, watch=bars
        )
    deliver(found, out, "compress.json", _plain(found.summary), as_json=as_json, answers=2)


@app.command("methods")
def methods_command() -> None:
    """List all methods with their levels."""
    from haar.cli.screen import console
    from haar.compress import PERTURBATIONS
    from haar.report import Table

    rows = []
    for name, made in PERTURBATIONS.items():
        one = made()
        rows.append([name, one.measure, ", ".join(f"{x:g}" for x in one.levels), "yes" if one.calibrated else ""])
    console().print(Table("Methods", ("method", "level", "levels", "needs calibration"), rows).rich())


def _data(
    module: nn.Module, data: str, calibration: str | None, labels: str | None, trajectories: str | None
) -> tuple[Any, Any, Any]:
    """Batches of the evaluation, and of calibration; and the trajectory of every row of the first."""
    from haar.cli.batch_file import batches_of_data, has_columns

    columns = {"labels": labels, "trajectories": trajectories}
    batches, clusters = batches_of_data(data, module, argument="DATA", **columns)
    if calibration is None:
        return batches, None, clusters
    beside = columns if has_columns(calibration) else {}
    return batches, batches_of_data(calibration, module, argument="--calibration", **beside)[0], clusters


def _named() -> Any:
    return named_on_the_command_line(
        model="MODEL", data="DATA", perturbations="--methods", perturbation="--by-layer", metrics="--metrics",
        levels="--levels", calibration="--calibration", layers="--layers", action="MODEL", clusters="--trajectories",
    )  # fmt: skip


def _module(model: str, weights: Path | None, arguments: list[str] | None) -> nn.Module:
    from haar.cli.model_file import load_model

    return load_model(model, weights=weights, arguments=arguments or (), fields=False).module


def _words(text: str | None) -> list[str] | None:
    """Words between commas; a comma within brackets is a word's own."""
    if text is None:
        return None
    return [word.strip() for word in re.split(r",(?![^(]*\))", text) if word.strip()]


def _numbers(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ArgumentError("--levels", expected="numbers such as 0.2,0.5,0.8", got=repr(text)) from error


def _only(text: str | None) -> float | None:
    found = _numbers(text)
    if found is not None and len(found) > 1:
        raise ArgumentError("--levels", expected="one level with --by-layer", got=repr(text))
    return None if found is None else found[0]


def _plain(text: str) -> str:
    return text.replace("**", "")
