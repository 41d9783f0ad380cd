"""``haar rg``: networks that imitate the renormalisation map, their errors, spectrum and flow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haar.cli.options import count_option, folder_option, steps_option, whole_numbers
from haar.errors import ArgumentError

if TYPE_CHECKING:
    from haar.systems.renormalisation.command import Order, ZooReport

app = typer.Typer(help="Networks that imitate the renormalisation map.", no_args_is_help=True)

#: Sites of the largest chain that a flow starts from.
_MOST_SITES = 10**9

Activations = Annotated[str, typer.Option("--activation", help="linear, relu, quadratic, tanh, gelu; comma-separated.")]
Symmetries = Annotated[
    str, typer.Option("--symmetry", help="free, sum, tied, full, odd; for graph networks ring:shared and the like.")
]
Depths = Annotated[str, typer.Option("--depth", help="Hidden layers, comma-separated.")]
TrainLaw = Annotated[
    str, typer.Option(help="gauss, uniform, laplace, exponential, rademacher, mixture, t5, 'gauss x3', 'gauss +2'.")
]
Seeds = Annotated[int, count_option("Networks of every architecture.", most=10_000)]
Steps = Annotated[int, steps_option("Training steps.")]
Samples = Annotated[int, count_option("Training vectors.")]
Width = Annotated[int, count_option("Hidden units.", most=10_000)]
Inputs = Annotated[int, count_option("Variables of a block.", most=1000)]
Out = Annotated[Path | None, folder_option("Folder for result.json and report.html.")]
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
    blocks: Annotated[int, count_option("Blocks drawn from every law.", least=4)] = 40_000,
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
    levels: Annotated[int, count_option("How often the map is applied.", most=60)] = 5,
    blocks: Annotated[int, count_option("Sites left in the end.", least=4)] = 4096,
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
    if blocks * inputs**levels > _MOST_SITES:
        raise ArgumentError(
            "--levels", expected=f"at most {_MOST_SITES} sites to begin with", got=f"{blocks} x {inputs}^{levels}"
        )
    with ProgressBars() as bars:
        report = command.flow(order, law=law, steps=levels, blocks=blocks, watch=bars)
    _tell(report, out, as_json=as_json)


def _order(activation: str, symmetry: str, depth: str, **numbers: Any) -> Order:
    from haar.systems.renormalisation.command import Order

    depths = whole_numbers("--depth", depth, expected="whole numbers >= 1, comma-separated", most=100)
    return Order(
        activations=tuple(part.strip() for part in activation.split(",") if part.strip()),
        families=tuple(part.strip() for part in symmetry.split(",") if part.strip()),
        depths=depths,
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
