"""What the commands of ``haar relax`` share: their options, each written once, and the task that these make."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haar.cli.failure import WayOn, goes_on
from haar.cli.options import (
    count_option,
    folder_option,
    positive_option,
    seed_option,
    share_option,
    steps_option,
)
from haar.cli.over_seeds import over_seeds
from haar.cli.several import ranks_here

if TYPE_CHECKING:
    from haar.relax.task import RelaxTask

_SOURCE = Annotated[
    str, typer.Argument(metavar="MODEL|FILE", help="module:function of a torch module, or a .yaml file of all keys.")
]
_DATA = Annotated[
    str | None,
    typer.Argument(help="module:function of (inputs, targets), or arrays in a .npz, .h5 or .safetensors file."),
]
_OUT = Annotated[Path, folder_option("Folder for checkpoints, the result and report.html.")]
_JSON = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]

#: Keys of the plan as options, in the order of the help.
_OPTIONS: dict[str, Any] = {
    "symmetry": Annotated[str | None, typer.Option(help="module:function of a Symmetry.")],
    "group": Annotated[str | None, typer.Option(help="C4, D4, S3, O, Oh, SO3, O3 or reflections:2.")],
    "input": Annotated[
        str | None, typer.Option(help='"3 * vector + scalar", "field: 2 * scalar", "points: vector", invariant.')
    ],
    "output": Annotated[str | None, typer.Option(help="The same for the model's output.")],
    "mode": Annotated[str | None, typer.Option(help="weight (default), branches or function.")],
    "chain": Annotated[
        str | None, typer.Option(help="auto: a gamma for every subgroup along a chain; none (default).")
    ],
    "rule": Annotated[
        str | None,
        typer.Option(
            help="duals (default), or strict, free, augmentation, ridge, residual, scheduled, penalty, projection, "
            "relaxed."
        ),
    ],
    "problem": Annotated[str | None, typer.Option(help="equality (default) or resilient.")],
    "solver": Annotated[str | None, typer.Option(help="damped (default), paper, ridge or cooper.")],
    "weights": Annotated[str | None, typer.Option(help="Ridge weights, increasing: 0.01,0.1,1,10,100.")],
    "rho": Annotated[float | None, positive_option("Price of slack, or weight of the ridge; 1 by default.")],
    "loss": Annotated[str | None, typer.Option(help="mse (default), mae, cross_entropy or module:function.")],
    "steps": Annotated[int | None, steps_option("Optimiser steps of each fit; 1000 by default.")],
    "batch_size": Annotated[int | None, count_option("Samples a step; 64 by default.")],
    "learning_rate": Annotated[float | None, positive_option("Of Adam; 3e-3 by default.")],
    "clip": Annotated[float | None, positive_option("Largest norm of the weights' gradient; any by default.")],
    "accumulate": Annotated[
        int | None, count_option("Parts of a batch that pass one after another, in the memory of one; 1 by default.")
    ],
    "precision": Annotated[str | None, typer.Option(help="bfloat16: of the forward pass; the model's by default.")],
    "draws": Annotated[int | None, count_option("Random moves of the score test; 999 by default.", most=10**6)],
    "level": Annotated[float | None, share_option("Its level; 0.05 by default.")],
    "seed": Annotated[int | None, seed_option("Of weights, batches and everything else.")],
}
_EVERYWHERE = ("symmetry", "group", "input", "output", "loss", "steps", "batch_size", "learning_rate", "seed")

#: Options of a command that also runs over seeds.
_SWEPT: dict[str, Any] = {
    "seeds": Annotated[int | None, count_option("Run so many seeds, each in OUT/seed-K.", most=10_000)],
    "workers": Annotated[str | None, typer.Option(help="Who runs them: local:4, or slurm:PARTITION (submitit).")],
}

Body = Callable[["RelaxTask", Path, bool], None]


def command(app: typer.Typer, name: str, *further: str, out: str, swept: str = "") -> Callable[[Body], Body]:
    """Register a command: the body is called with the task, the folder, and whether JSON is wanted.

    Args:
        app: The typer application that the command belongs to.
        name: The command's name.
        further: Keys of the plan that are options of this command, beside those of all commands.
        out: The folder unless another is given.
        swept: The file of a finished one, where the command also runs over seeds on workers.
    """

    def decorate(body: Body) -> Body:
        def run(source: str, data: str | None, out: Path, as_json: bool, **options: Any) -> None:  # noqa: FBT001 (called by name)
            seeds, workers = (options.pop(key, None) for key in ("seeds", "workers"))
            if seeds is not None or workers is not None:
                words = ["relax", name, source, *([] if data is None else [data]), *_words(options)]
                with goes_on(out):
                    first = options.get("seed") or 0
                    over_seeds(words, swept, out, first=first, seeds=seeds, workers=workers, as_json=as_json)
                return
            with goes_on(out):
                from haar.relax.task import make_plan, make_task, try_task

                task = make_task(make_plan(source, data, options))
                try_task(task, name)  # what cannot go on leaves the folder free
                _carry_out(body, task, out, as_json=as_json)

        wanted = [key for key in _OPTIONS if key in (*_EVERYWHERE, *further)]
        many = _SWEPT if swept else {}
        run.__signature__ = Signature(  # type: ignore[attr-defined]
            [
                Parameter("source", Parameter.POSITIONAL_OR_KEYWORD, annotation=_SOURCE),
                Parameter("data", Parameter.POSITIONAL_OR_KEYWORD, annotation=_DATA, default=None),
                *(Parameter(key, Parameter.KEYWORD_ONLY, annotation=_OPTIONS[key], default=None) for key in wanted),
                *(Parameter(key, Parameter.KEYWORD_ONLY, annotation=_SWEPT[key], default=None) for key in many),
                Parameter("out", Parameter.KEYWORD_ONLY, annotation=_OUT, default=Path(out)),
                Parameter("as_json", Parameter.KEYWORD_ONLY, annotation=_JSON, default=False),
            ]
        )
        run.__annotations__, run.__doc__ = {}, body.__doc__
        app.command(name)(run)
        return body

    return decorate


def _carry_out(body: Body, task: RelaxTask, out: Path, *, as_json: bool) -> None:
    """Run a command in its folder; of several processes the first holds it."""
    from haar.folders import claimed
    from haar.processes import LostRankError

    ranks = ranks_here()
    if ranks is not None:
        ranks.way_on = f"{out} keeps what is finished, and the same command goes on, with any number of processes"
        if ranks.rank:
            body(task, out, as_json)
            return
    with claimed(out):
        task.claim(out)
        try:
            body(task, out, as_json)
        except Exception as error:
            if not task.release(out) and not isinstance(error, LostRankError):
                way_on = f"{out} keeps what is finished for the same command; remove it for another plan"
                error.add_note(WayOn(way_on))
            raise


def _words(options: dict[str, Any]) -> list[str]:
    """Options as they are typed."""
    given = {name: value for name, value in options.items() if value is not None and name != "seed"}
    return [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
