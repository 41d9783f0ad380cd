"""``haar average``: a model made exactly symmetric, as a program that needs neither haar nor the model's code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haar.cli.command import told_by
from haar.cli.default_command import DefaultCommandGroup
from haar.cli.distill_options import DistillOptions
from haar.cli.evaluate_options import EvaluateOptions
from haar.cli.options import (
    FactoryArg,
    Fields,
    Group,
    History,
    Model,
    Weights,
    check_output,
    named_on_the_command_line,
)
from haar.errors import ArgumentError

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
        Path | None,
        typer.Option(help="A data set in The Well's format, for fields, grid and boundaries; or .npz, for the grid."),
    ] = None,
    shape: Annotated[str | None, typer.Option(help="Points of every axis, such as 64,64; without --data.")] = None,
    normalised: Annotated[
        bool, typer.Option("--normalised", help="The model works on z-scores by the data set's stats.yaml.")
    ] = False,
    share: Annotated[
        float | None,
        typer.Option(help="Take the fewest elements expected to bring this part of the gain; with --data."),
    ] = None,
    weights: Weights = None,
    factory_arg: FactoryArg = None,
) -> None:
    """Average MODEL over a group and write the average: a torch.export program, or an ONNX graph.

    The file takes and gives what the model does. It is read again and compared with the average before it is kept.
    """
    from haar.average import write_average
    from haar.cli.model_file import load_model
    from haar.cli.screen import console, warn_bare
    from haar.cli.surrogate_input import fit_model, selection_inputs

    check_output("--output", output, ".pt2", ".onnx")
    loaded = load_model(model, weights=weights, arguments=factory_arg or ())
    if model.endswith(".onnx") and output.suffix != ".onnx":
        raise ArgumentError("--output", expected="a name that ends in .onnx, as MODEL does", got=str(output))
    fitted = fit_model(loaded, group, fields=fields, history=history, data=data, shape=shape, normalised=normalised)
    if share is not None and fitted.windows is None:
        raise ArgumentError(
            "--share",
            expected="--data in The Well's format, whose inputs the elements are selected on",
            got="none" if data is None else str(data),
        )
    inputs, scale = (None, None) if share is None else selection_inputs(fitted)
    with named_on_the_command_line(symmetry="--group", model="MODEL", share="--share"):
        written = write_average(
            fitted.module,
            fitted.symmetry,
            fitted.sample,
            output,
            share=share,
            inputs=inputs,
            scale=scale,
            batched=fitted.batched,
        )
    screen = console()
    screen.print(f"{output}: {model} averaged over {written.elements} elements of {written.group}")
    if written.share is not None:
        screen.print(f"{written.share:.1%} of the gain of all {written.order} expected, from inputs without labels")
    screen.print(f"broken symmetry, relative: {written.before:.3g} before, {written.after:.3g} after")
    if not written.batched:
        own = getattr(loaded.module, "batch", None)  # of a graph, whose average takes as many
        reason = "as the model cannot be traced with a free one" if own is None else "as the model's"
        screen.print(f"its batch size is {own or 1}, {reason}")
    warn_bare(loaded, model)


@app.command("distill")
@told_by(DistillOptions)
def distill(told: DistillOptions) -> None:
    """Teach one model to answer in one forward pass as the average of MODEL does; no labels are used.

    Measured on windows that the student did not learn from: how much of what averaging changes it keeps.
    """
    from haar.average import average, distil
    from haar.cli.model_file import build, load_model, write_model
    from haar.cli.screen import ProgressBars, console, warn_bare
    from haar.cli.surrogate_input import physical_model, try_model, window_data
    from haar.cli.well_data import open_well, well_symmetry
    from haar.data.well.spread_windows import SpreadWindows
    from haar.report.json_file import dumps

    check_output("--output", told.output, ".pt2", ".safetensors")
    loaded = load_model(told.model, weights=told.weights, arguments=told.factory_arg or ())
    student = None if told.student is None else build(told.student)
    split = told.split or ("train" if told.data.is_dir() else None)
    reader, names = open_well(told.data, split=split, fields=told.fields)
    windows = window_data(reader, names, told.history, loaded.channels, loaded.module)
    symmetry = well_symmetry(reader.metadata, told.group, windows.inputs)
    module = physical_model(loaded.module, reader, windows, normalised=told.normalised)
    for each in (module, student):
        if each is not None:
            try_model(each.eval(), windows)
    teacher = average(module, symmetry)
    x, _ = SpreadWindows(windows, samples=told.samples, batch_size=told.batch_size).stacked()
    with ProgressBars(quiet=told.as_json) as bars:
        made = distil(
            teacher,
            x,
            student=student,
            steps=told.steps,
            batch_size=told.batch_size,
            learning_rate=told.learning_rate,
            seed=told.seed,
            watch=bars,
        )
    write_model(made.student, x[:2], told.output)
    report = made.report
    warn_bare(loaded, told.model)
    if told.as_json:
        typer.echo(dumps(report.to_dict()), nl=False)
        return
    screen = console()
    screen.print(f"{told.output}: one forward pass in place of the average of {told.model} over {told.group}")
    screen.print(f"broken symmetry, relative: {report.defect_before:.3g} before, {report.defect_after:.3g} after")
    screen.print(f"of what averaging changes it keeps {report.gain_kept:.1%}, on {report.held_out} windows held out")


@app.command("evaluate")
@told_by(EvaluateOptions)
def evaluate(told: EvaluateOptions) -> None:
    """Compare the errors of MODEL with those of its average on DATA: VRMSE by field and window of predicted steps.

    The change has a bootstrap interval over trajectories, each with both errors. Labels decide; `haar audit` says what
    to expect without them.
    """
    from haar.average import evaluate as run
    from haar.cli.delivery import deliver
    from haar.cli.model_file import load_model
    from haar.cli.screen import ProgressBars, warn_bare
    from haar.cli.surrogate_input import physical_model, try_model, window_data
    from haar.cli.well_data import open_well, well_symmetry
    from haar.data import Trajectories

    loaded = load_model(told.model, weights=told.weights, arguments=told.factory_arg or ())
    reader, names = open_well(told.data, split=told.split, fields=told.fields)
    windows = window_data(reader, names, told.history, loaded.channels)
    symmetry = well_symmetry(reader.metadata, told.group, windows.inputs)
    module = physical_model(loaded.module, reader, windows, normalised=told.normalised)
    try_model(module, windows)
    with ProgressBars(quiet=told.as_json) as bars, named_on_the_command_line(windows="--windows", mode="--mode"):
        report = run(
            module,
            symmetry,
            Trajectories(reader, fields=names),
            windows=None if told.windows is None else told.windows.split(","),
            per_run=told.per_run,
            mode=told.mode,
            batch_size=told.batch_size,
            seed=told.seed,
            micro_batch="auto",
            watch=bars,
        )
    deliver(report, told.out, "evaluation.json", report.summary, as_json=told.as_json)
    warn_bare(loaded, told.model)
