"""``haar relax``: train with as much symmetry as the data carry, and say which symmetry they break."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from haar.cli.relax_task import RelaxTask
    from haar.report import Report

app = typer.Typer(
    help="Train between free and equivariant: haar relax fit net:make net:data --group C4 --input vector ...",
    no_args_is_help=True,
)

Source = Annotated[
    str, typer.Argument(metavar="MODEL|FILE", help="module:function of a torch module, or a .yaml file of all keys.")
]
Data = Annotated[
    str | None, typer.Argument(help="module:function of (inputs, targets), or a .npz or .safetensors file.")
]
SymmetryEntry = Annotated[str | None, typer.Option("--symmetry", help="module:function of a Symmetry.")]
Group = Annotated[str | None, typer.Option(help="C4, D4, S3, O, Oh, SO3, O3 or reflections:2.")]
Input = Annotated[
    str | None, typer.Option("--input", help='"3 * vector + scalar", "field: 2 * scalar", "points: vector", invariant.')
]
Output = Annotated[str | None, typer.Option("--output", help="The same for the model's output.")]
Mode = Annotated[str | None, typer.Option(help="weight (default), branches or function.")]
Chain = Annotated[str | None, typer.Option(help="auto: a gamma for every subgroup along a chain; none (default).")]
Loss = Annotated[str | None, typer.Option(help="mse (default), mae, cross_entropy or module:function.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Optimiser steps of each fit; 1000 by default.")]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Samples a step; 64 by default.")]
Rate = Annotated[float | None, typer.Option("--learning-rate", help="Of Adam; 3e-3 by default.")]
Rho = Annotated[float | None, typer.Option(help="Price of slack, or weight of the ridge; 1 by default.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Of weights, batches and everything else.")]
Out = Annotated[Path, typer.Option(help="Folder for checkpoints, the result and report.html.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]


@app.command("fit")
def fit(
    source: Source,
    data: Data = None,
    *,
    symmetry: SymmetryEntry = None,
    group: Group = None,
    input_: Input = None,
    output: Output = None,
    mode: Mode = None,
    chain: Chain = None,
    rule: Annotated[
        str | None,
        typer.Option(
            help="duals (default), or strict, free, augmentation, ridge, residual, scheduled, penalty, projection, "
            "relaxed."
        ),
    ] = None,
    problem: Annotated[str | None, typer.Option(help="equality (default) or resilient.")] = None,
    solver: Annotated[str | None, typer.Option(help="damped (default), paper, ridge or cooper.")] = None,
    rho: Rho = None,
    loss: Loss = None,
    steps: Steps = None,
    batch_size: BatchSize = None,
    learning_rate: Rate = None,
    seed: Seed = None,
    out: Out = Path("relaxed"),
    as_json: Json = False,
) -> None:
    """Train MODEL between free and equivariant, and write the model to deploy.

    model.safetensors holds its state dict under the names of MODEL's own class; model.pt2 is the same as a program,
    where it can be exported. A killed fit goes on where it was.
    """
    import warnings
    from dataclasses import asdict

    from haar.cli.relax_files import save_model
    from haar.cli.screen import ProgressBars
    from haar.errors import HaarWarning
    from haar.relax import Duals
    from haar.report.json_file import write_json

    options: dict[str, Any] = {
        "symmetry": symmetry,
        "group": group,
        "input": input_,
        "output": output,
        "mode": mode,
        "chain": chain,
    }
    options |= {"rule": rule, "problem": problem, "solver": solver, "rho": rho, "loss": loss, "steps": steps}
    task = _task(source, data, out, {**options, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed})
    with ProgressBars(quiet=as_json) as bars, warnings.catch_warnings():
        warnings.simplefilter("ignore", HaarWarning)  # what it says is asked for below
        done = task.fitted(out, "fit", bars)
    kept = save_model(done, task, out)
    report: Any = done.dashboard
    told = done.rule.arrival() if isinstance(done.rule, Duals) else ""
    found = {**report.to_dict(), "deployed_loss": done.deployed_loss, "model": kept, "warning": told}
    write_json(out / "fit.json", {**found, "plan": asdict(task.plan)})
    _show(report, out, found, as_json=as_json)
    if not as_json:
        typer.echo(f"validation loss of the model to deploy: {done.deployed_loss:.4g}; {', '.join(kept)}")
        if told:
            typer.echo(f"warning: {told}", err=True)


@app.command("path")
def path(
    source: Source,
    data: Data = None,
    *,
    symmetry: SymmetryEntry = None,
    group: Group = None,
    input_: Input = None,
    output: Output = None,
    mode: Mode = None,
    chain: Chain = None,
    weights: Annotated[str | None, typer.Option(help="Ridge weights, increasing: 0.01,0.1,1,10,100.")] = None,
    loss: Loss = None,
    steps: Steps = None,
    batch_size: BatchSize = None,
    learning_rate: Rate = None,
    seed: Seed = None,
    out: Out = Path("path"),
    as_json: Json = False,
) -> None:
    """Fit MODEL along the weight of a ridge on gamma, from free to strict, and choose by validation.

    The curves are drawn as those of a lasso path. Every finished fit is kept; a killed path goes on where it was.
    """
    from haar.cli.screen import ProgressBars
    from haar.relax import path as run
    from haar.relax.path import WEIGHTS

    options: dict[str, Any] = {
        "symmetry": symmetry,
        "group": group,
        "input": input_,
        "output": output,
        "mode": mode,
        "chain": chain,
    }
    options |= {"weights": weights, "loss": loss, "steps": steps, "batch_size": batch_size}
    task = _task(source, data, out, {**options, "learning_rate": learning_rate, "seed": seed})
    plan = task.plan
    chosen = plan.weights or WEIGHTS
    model = task.wrapped()
    with ProgressBars(quiet=as_json) as bars, bars.stage("fits", len(chosen)) as advance:
        report = run(
            model,
            task.loss,
            task.train,
            task.validation,
            weights=chosen,
            steps=plan.steps,
            batch_size=plan.batch_size,
            learning_rate=plan.learning_rate,
            names=_names(task),
            seed=plan.seed,
            checkpoints=out,
            progress=lambda *_: advance(),
        )
    report.save_json(out / "path.json")
    _show(report, out, report.to_dict(), as_json=as_json)


@app.command("diagnose")
def diagnose(
    source: Source,
    data: Data = None,
    *,
    symmetry: SymmetryEntry = None,
    group: Group = None,
    input_: Input = None,
    output: Output = None,
    rho: Rho = None,
    loss: Loss = None,
    steps: Steps = None,
    batch_size: BatchSize = None,
    learning_rate: Rate = None,
    draws: Annotated[int | None, typer.Option(min=1, help="Random moves of the score test; 999 by default.")] = None,
    level: Annotated[float | None, typer.Option(help="Its level; 0.05 by default.")] = None,
    seed: Seed = None,
    out: Out = Path("diagnosis"),
    as_json: Json = False,
) -> None:
    """Which symmetry do the data break? Trains MODEL strictly and relaxed, and tests every subgroup.

    Prints the verdict in one sentence. Killed fits go on where they were.
    """
    from haar.cli.screen import ProgressBars
    from haar.relax import diagnose as run

    options: dict[str, Any] = {
        "symmetry": symmetry,
        "group": group,
        "input": input_,
        "output": output,
        "rho": rho,
        "loss": loss,
    }
    options |= {"steps": steps, "batch_size": batch_size, "learning_rate": learning_rate, "draws": draws}
    task = _task(source, data, out, {**options, "level": level, "seed": seed})
    plan = task.plan
    with ProgressBars(quiet=as_json) as bars:
        strict = task.fitted(out, "strict", bars, rule="strict")
        relaxed = task.fitted(out, "resilient", bars, rule="duals", problem="resilient")
        with bars.stage("score test", 1):
            report = run(
                relaxed.rule.model,
                task.loss,
                *task.train,
                strict=strict.rule.model,
                dashboard=relaxed.dashboard,
                squared=plan.loss == "mse",
                draws=plan.draws,
                level=plan.level,
                seed=plan.seed,
            )
    report.save_json(out / "diagnosis.json")
    _show(report, out, report.to_dict(), as_json=as_json)


def _task(source: str, data: str | None, out: Path, options: dict[str, Any]) -> RelaxTask:
    from haar.cli.relax_plan import make_plan
    from haar.cli.relax_task import make_task

    task = make_task(make_plan(source, data, options))
    task.claim(out)
    return task


def _names(task: RelaxTask) -> list[str]:
    """Names of the groups along the chain, the largest first."""
    from haar.groups import FiniteGroup

    group = task.symmetry.group
    if task.plan.chain != "auto" or not isinstance(group, FiniteGroup):
        return []
    return [group.name, *(subgroup.name for subgroup in group.subgroup_chain()[-2:0:-1]), "1"]


def _show(report: Report, out: Path, found: dict[str, Any], *, as_json: bool) -> None:
    """Write the page, and print the tables or the JSON."""
    from haar.cli.screen import console
    from haar.cli.tables import print_tables
    from haar.report.json_file import dumps

    report.save_html(out / "report.html")
    if as_json:
        typer.echo(dumps(found), nl=False)
        return
    screen = console()
    print_tables(screen, report.sections())
    screen.print(report.summary, style="bold")
    screen.print(f"report: {out / 'report.html'}")
