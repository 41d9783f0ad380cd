"""``haar rg``: networks that imitate the renormalisation map, their errors, spectrum and flow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from haar.systems.renormalisation.command import Order, ZooReport

app = typer.Typer(help="Networks that imitate the renormalisation map.", no_args_is_help=True)

Activations = Annotated[str, typer.Option("--activation", help="linear, relu, quadratic, tanh, gelu; comma-separated.")]
Symmetries = Annotated[
    str, typer.Option("--symmetry", help="free, sum, tied, full, odd; for graph networks ring:shared and the like.")
]
Depths = Annotated[str, typer.Option("--depth", help="Hidden layers, comma-separated.")]
TrainLaw = Annotated[
    str, typer.Option(help="gauss, uniform, laplace, exponential, rademacher, mixture, t5, 'gauss x3', 'gauss +2'.")
]
Seeds = Annotated[int, typer.Option(min=1, help="Networks of every architecture.")]
Steps = Annotated[int, typer.Option(min=1, help="Training steps.")]
Samples = Annotated[int, typer.Option(min=1, help="Training vectors.")]
Width = Annotated[int, typer.Option(min=1, help="Hidden units.")]
Inputs = Annotated[int, typer.Option(min=1, help="Variables of a block.")]
Out = Annotated[Path | None, typer.Option(help="Folder for result.json and report.html.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]


@app.command("run")
def run(
    *,
    activation: Activations = "relu",
    symmetry: Symmetries = "free,sum,tied,full,odd",
    depth: Depths = "1",
    train_law: TrainLaw = "gauss",
    seeds: Seeds = 8,
    steps: Steps = 1500,
    samples: Samples = 512,
    width: Width = 16,
    inputs: Inputs = 4,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Train a zoo of weight symmetries and print its errors on every law."""
    order = _order(
        activation,
        symmetry,
        depth,
        train_law=train_law,
        seeds=seeds,
        inputs=inputs,
        width=width,
        steps=steps,
        samples=samples,
    )

    from haar.cli.screen import ProgressBars
    from haar.systems.renormalisation import command

    with ProgressBars() as bars:
        report = command.run(order, watch=bars)
    _tell(report, out, as_json=as_json)


@app.command("spectrum")
def spectrum(
    *,
    activation: Activations = "quadratic",
    symmetry: Symmetries = "free,sum,tied,odd",
    depth: Depths = "1",
    train_law: TrainLaw = "gauss",
    seeds: Seeds = 8,
    steps: Steps = 1500,
    samples: Samples = 512,
    width: Width = 8,
    inputs: Inputs = 2,
    blocks: Annotated[int, typer.Option(min=4, help="Blocks drawn from every law.")] = 40_000,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Train networks and print with which factor they multiply the cumulants: b^(1-n/2) for an exact map."""
    order = _order(
        activation,
        symmetry,
        depth,
        train_law=train_law,
        seeds=seeds,
        inputs=inputs,
        width=width,
        steps=steps,
        samples=samples,
    )

    from haar.cli.screen import ProgressBars
    from haar.systems.renormalisation import command

    with ProgressBars() as bars:
        report = command.spectrum(order, samples=blocks, watch=bars)
    _tell(report, out, as_json=as_json)


@app.command("flow")
def flow(
    *,
    law: Annotated[str, typer.Option(help="Where the flow starts.")] = "exponential",
    levels: Annotated[int, typer.Option(min=1, help="How often the map is applied.")] = 5,
    blocks: Annotated[int, typer.Option(min=4, help="Sites left in the end.")] = 4096,
    activation: Activations = "quadratic",
    symmetry: Symmetries = "free,tied,odd",
    depth: Depths = "1",
    train_law: TrainLaw = "gauss",
    seeds: Seeds = 8,
    steps: Steps = 1500,
    samples: Samples = 512,
    width: Width = 8,
    inputs: Inputs = 2,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Train networks, apply them to their own output, and print the cumulants of every level."""
    order = _order(
        activation,
        symmetry,
        depth,
        train_law=train_law,
        seeds=seeds,
        inputs=inputs,
        width=width,
        steps=steps,
        samples=samples,
    )

    from haar.cli.screen import ProgressBars
    from haar.systems.renormalisation import command
    from haar.systems.renormalisation.evaluation import find_law

    find_law(law)
    with ProgressBars() as bars:
        report = command.flow(order, law=law, steps=levels, blocks=blocks, watch=bars)
    _tell(report, out, as_json=as_json)


def _order(activation: str, symmetry: str, depth: str, **numbers: Any) -> Order:
    from haar.errors import ArgumentError
    from haar.systems.renormalisation.command import Order

    parts = [part.strip() for part in depth.split(",") if part.strip()]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ArgumentError("--depth", expected="whole numbers >= 1, comma-separated", got=repr(depth))
    return Order(
        activations=tuple(part.strip() for part in activation.split(",") if part.strip()),
        families=tuple(part.strip() for part in symmetry.split(",") if part.strip()),
        depths=tuple(map(int, parts)),
        **numbers,
    )


def _tell(report: ZooReport, out: Path | None, *, as_json: bool) -> None:
    from haar.cli.screen import console
    from haar.cli.tables import print_tables
    from haar.report.json_file import dumps

    if as_json:
        typer.echo(dumps(report.to_dict()), nl=False)
    else:
        print_tables(console(), report.sections())
    if out is not None:
        report.save_json(out / "result.json")
        report.save_html(out / "report.html")
        if not as_json:
            console().print(f"report: {out / 'report.html'}")
