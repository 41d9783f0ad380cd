"""``haar relax``: train with as much symmetry as the data carry, and say which symmetry they break."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from haar.cli.relax_options import command

if TYPE_CHECKING:
    from haar.relax.task import RelaxTask
    from haar.report import Report

app = typer.Typer(
    help="Train between free and equivariant: haar relax fit net:make net:data --group C4 --input vector ...",
    no_args_is_help=True,
)


@command(
    app,
    "fit",
    *("mode", "chain", "rule", "problem", "solver", "rho", "clip", "accumulate", "precision"),
    out="relaxed",
)
def fit(task: RelaxTask, out: Path, as_json: bool) -> None:  # noqa: FBT001 (called by `command`)
    """Train MODEL between free and equivariant, and write the model to deploy.

    model.safetensors holds its state dict under the names of MODEL's own class; model.pt2 is the same as a program,
    where it can be exported. A killed fit goes on where it was. Under torchrun several processes divide every batch.
    """
    import warnings

    from haar.cli.screen import ProgressBars
    from haar.cli.several import ranks_here
    from haar.errors import HaarWarning
    from haar.relax import Duals
    from haar.relax.task import save_model
    from haar.report.json_file import write_json

    ranks = ranks_here()
    others = ranks is not None and ranks.rank > 0
    with ProgressBars(quiet=as_json or others) as bars, warnings.catch_warnings():
        warnings.simplefilter("ignore", HaarWarning)  # what it says is asked for below
        done = task.fitted(out, "fit", bars, fabric=ranks)
    if others:
        return  # the first writes and tells
    kept = save_model(done, task, out)
    report: Any = done.dashboard
    told = done.rule.arrival() if isinstance(done.rule, Duals) else ""
    found = {**report.to_dict(), "deployed_loss": done.deployed_loss, "model": kept, "warning": told}
    write_json(out / "fit.json", {**found, "plan": task.plan.keys()})
    _show(report, out, found, as_json=as_json)
    if not as_json:
        typer.echo(f"validation loss of the model to deploy: {done.deployed_loss:.4g}; {', '.join(kept)}")
        if told:
            typer.echo(f"warning: {told}", err=True)


@command(app, "path", "mode", "chain", "weights", out="path", swept="path.json")
def path(task: RelaxTask, out: Path, as_json: bool) -> None:  # noqa: FBT001 (called by `command`)
    """Fit MODEL along the weight of a ridge on gamma, from free to strict, and choose by validation.

    The curves are drawn as those of a lasso path. Every finished fit is kept; a killed path goes on where it was. A
    fit begins where the one before it ended, so that workers divide seeds (--seeds 8 --workers local:4), not weights.
    """
    from haar.cli.screen import ProgressBars
    from haar.relax import path as run
    from haar.relax.path import WEIGHTS

    plan = task.plan.training
    chosen = task.plan.rule.weights or WEIGHTS
    model = task.wrapped()
    with ProgressBars(quiet=as_json) as bars:
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
            watch=bars,
        )
    report.save_json(out / "path.json")
    _show(report, out, report.to_dict(), as_json=as_json)


@command(app, "diagnose", "rho", "draws", "level", out="diagnosis")
def diagnose(task: RelaxTask, out: Path, as_json: bool) -> None:  # noqa: FBT001 (called by `command`)
    """Which symmetry do the data break? Trains MODEL strictly and relaxed, and tests every subgroup.

    Prints the verdict in one sentence. Killed fits go on where they were.
    """
    from haar.cli.screen import ProgressBars
    from haar.relax import diagnose as run

    plan, test = task.plan.training, task.plan.test
    with ProgressBars(quiet=as_json) as bars:
        strict = task.fitted(out, "strict", bars, rule="strict")
        relaxed = task.fitted(out, "resilient", bars, rule="duals", problem="resilient")
        report = run(
            relaxed.rule.model,
            task.loss,
            *task.train,
            strict=strict.rule.model,
            dashboard=relaxed.dashboard,
            squared=plan.loss == "mse",
            draws=test.draws,
            level=test.level,
            seed=plan.seed,
            watch=bars,
        )
    report.save_json(out / "diagnosis.json")
    _show(report, out, report.to_dict(), as_json=as_json)


def _names(task: RelaxTask) -> list[str]:
    """Names of the groups along the chain, the largest first."""
    from haar.groups import FiniteGroup

    group = task.symmetry.group
    if task.plan.model.chain != "auto" or not isinstance(group, FiniteGroup):
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
