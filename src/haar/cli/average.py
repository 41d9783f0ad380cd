"""``haar average``: a model made exactly symmetric, as a program that needs neither haar nor the model's code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haar.cli.default_command import DefaultCommandGroup
from haar.cli.options import FactoryArg, Fields, Group, History, Model, Weights

app = typer.Typer(
    cls=DefaultCommandGroup,
    help="Make a model exactly symmetric: haar average MODEL --group D4 -o averaged.pt2",
    no_args_is_help=True,
)


@app.command("export")
def export(
    model: Model,
    *,
    group: Group,
    fields: Fields = None,
    history: History = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="The .pt2 or .onnx file to write.")],
    data: Annotated[
        Path | None, typer.Option(help="A data set in The Well's format, for fields, grid and boundaries.")
    ] = None,
    shape: Annotated[str | None, typer.Option(help="Points of every axis, such as 64,64; without --data.")] = None,
    normalised: Annotated[
        bool, typer.Option("--normalised", help="The model works on z-scores by the data set's stats.yaml.")
    ] = False,
    weights: Weights = None,
    factory_arg: FactoryArg = None,
) -> None:
    """Average MODEL over a group and write the average: a torch.export program, or an ONNX graph.

    The file takes and gives what the model does. It is read again and compared with the average before it is kept.
    """
    from haar.cli.export import export_average
    from haar.cli.model_file import load_model
    from haar.cli.screen import console
    from haar.cli.surrogate_input import fit_model

    loaded = load_model(model, weights=weights, arguments=factory_arg or ())
    fitted = fit_model(loaded, group, fields=fields, history=history, data=data, shape=shape, normalised=normalised)
    written = export_average(fitted, output)
    screen = console()
    screen.print(f"{output}: {model} averaged over {written.elements} elements of {written.group}")
    screen.print(f"broken symmetry, relative: {written.before:.3g} before, {written.after:.3g} after")
    if not written.batched:
        screen.print("its batch size is 1, as the model cannot be traced with a free one")
