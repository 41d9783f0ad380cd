"""``haar lattice``: learned lattice-Boltzmann collisions, trained, run and inspected."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from haar.cli.failure import goes_on
from haar.cli.options import check_output, count_option, folder_option, positive_option, seed_option, steps_option

app = typer.Typer(help="Learn, run and inspect lattice-Boltzmann collisions.", no_args_is_help=True)

_COLLISION = (
    "bgk, trt, mrt, a .safetensors file of haar lattice train, a .pt2 program, or module:function that returns a "
    "callable."
)
Which = Annotated[str, typer.Argument(metavar="COLLISION", help=_COLLISION)]
StencilName = Annotated[str, typer.Option("--stencil", help="D2Q5, D2Q7, D2Q9, D3Q15, D3Q19 or D3Q27.")]
Tau = Annotated[
    float | None,
    positive_option("Relaxation time of bgk, trt and mrt, by default 0.6; the viscosity is (tau - 1/2) sound^2."),
]
FlowTau = Annotated[
    float | None,
    positive_option(
        "Relaxation time of bgk, trt and mrt, by default the flow's; the viscosity is (tau - 1/2) sound^2."
    ),
]
OnStencil = Annotated[
    str | None,
    typer.Option("--stencil", help="D2Q5, D2Q7, D2Q9 (the default), D3Q15, D3Q19 or D3Q27; a file has its own."),
]
Out = Annotated[Path | None, folder_option("Folder for result.json, report.html and states.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]


@app.command("train")
def train(
    out: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
    *,
    collision: Annotated[
        str, typer.Option(help="naive, cons, sym, gavg, lenn, locked (exact viscosities) or nco (learned rates).")
    ] = "locked",
    stencil: StencilName = "D2Q9",
    tau: Annotated[float, positive_option("Relaxation time; the viscosity is (tau - 1/2) sound^2.")] = 0.6,
    pairs: Annotated[Path | None, typer.Option(help="An npz file with f_pre, f_post and f_eq.")] = None,
    samples: Annotated[int, count_option("Pairs that are drawn, where no file is given.", least=10)] = 43000,
    epochs: Annotated[int, count_option("How often each is seen.", most=100_000)] = 20,
    batch_size: Annotated[int, count_option("Samples a step.")] = 256,
    learning_rate: Annotated[float, positive_option("The greatest of the cycle.")] = 1e-3,
    speed: Annotated[float, positive_option("Largest speed of drawn pairs; above that of the flows to come.")] = 0.01,
    noise: Annotated[float, positive_option("Largest noise on their equilibria.")] = 5e-4,
    scale: Annotated[float, positive_option("Size of f / w - 1 in the data.")] = 0.02,
    channels: Annotated[int, count_option("Copies of the populations in hidden layers.", most=10_000)] = 8,
    seed: Annotated[int, seed_option("Of pairs, weights and their order.")] = 0,
) -> None:
    """Train a collision on pairs of populations before and after; a killed command goes on where it was."""
    check_output("OUT", out, ".safetensors")
    with goes_on(out.parent):
        from haar.cli.screen import ProgressBars, console
        from haar.systems.lattice_boltzmann import command
        from haar.systems.lattice_boltzmann.collision_file import Design
        from haar.systems.lattice_boltzmann.fitting import Lesson
        from haar.systems.lattice_boltzmann.stencil import Stencil

        viscosity = Stencil.named(stencil).viscosity(tau)
        design = Design(collision, stencil, viscosity, scale, channels)
        with ProgressBars() as bars:
            trained = command.train(
                out,
                design,
                lesson=Lesson(epochs, batch_size, learning_rate),
                samples=samples,
                speed=speed,
                noise=noise,
                pairs=pairs,
                seed=seed,
                watch=bars,
            )
    console().print(f"{out}: {trained}")


@app.command("run")
def run(
    collision: Which,
    *,
    flow: Annotated[
        str,
        typer.Option(help="taylor-green, shear-wave, double-shear-layer, decaying, cavity or cylinder."),
    ] = "taylor-green",
    stencil: OnStencil = None,
    tau: FlowTau = None,
    size: Annotated[
        int | None, count_option("Nodes along the shortest axis; by default the flow's.", least=4, most=100_000)
    ] = None,
    speed: Annotated[float | None, positive_option("The largest at the start; by default the flow's.")] = None,
    steps: Annotated[int | None, steps_option("How many; by default the flow's.")] = None,
    seed: Annotated[int, seed_option("Of flows that are drawn.")] = 0,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Run a flow under a collision. Exit code 1 if it ends early, with the last finite state kept in --out."""
    from haar.cli.screen import ProgressBars
    from haar.systems.lattice_boltzmann import command
    from haar.systems.lattice_boltzmann.flows import usual_of

    if tau is None and collision in command.RELAXATIONS:
        tau = usual_of(flow).tau
    which, lattice = command.collision_named(collision, stencil, tau)
    with ProgressBars() as bars:
        report = command.run(
            which, lattice, flow=flow, size=size, speed=speed, steps=steps, out=out, seed=seed, watch=bars
        )
    _tell(report, out, as_json=as_json)
    if report.ended:
        raise typer.Exit(1)


@app.command("inspect")
def inspect(
    collision: Which,
    *,
    stencil: OnStencil = None,
    tau: Tau = None,
    samples: Annotated[int, count_option("Populations that it is tried on.")] = 256,
    speed: Annotated[float, positive_option("Their largest speed.")] = 0.05,
    points: Annotated[int, count_option("Wave numbers along every axis.", least=2, most=500)] = 16,
    simulated: Annotated[bool, typer.Option(help="Measure viscosities in simulations too, with intervals.")] = False,
    seed: Annotated[int, seed_option("Of the populations.")] = 0,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Symmetry, conservation, viscosities and linear stability of any collision."""
    from haar.systems.lattice_boltzmann import command
    from haar.systems.lattice_boltzmann.inspection import inspect_collision

    which, lattice = command.collision_named(collision, stencil, tau)
    report = inspect_collision(
        which, lattice, samples=samples, speed=speed, points=points, simulated=simulated, seed=seed
    )
    _tell(report, out, as_json=as_json)


@app.command("audit")
def audit(
    collision: Which,
    *,
    stencil: OnStencil = None,
    tau: Tau = None,
    pairs: Annotated[
        Path | None, typer.Option(help="An npz file with f_pre, f_post and f_eq, in place of drawn.")
    ] = None,
    samples: Annotated[int, count_option("Populations that are drawn, where no file is given.")] = 256,
    speed: Annotated[float, positive_option("Their largest speed.")] = 0.05,
    seed: Annotated[int, seed_option("Of the populations and of tests.")] = 0,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """What symmetry a collision has, as haar audit tells it: elements, subgroups, and what averaging would gain."""
    from haar.cli.screen import ProgressBars
    from haar.systems.lattice_boltzmann import command

    which, lattice = command.collision_named(collision, stencil, tau)
    with ProgressBars() as bars:
        report = command.audit(which, lattice, pairs=pairs, samples=samples, speed=speed, seed=seed, watch=bars)
    _tell(report, out, as_json=as_json)


@app.command("distil")
def distil(
    collision: Which,
    out: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
    *,
    stencil: OnStencil = None,
    tau: Tau = None,
    viscosity: Annotated[float | None, positive_option("To be locked; by default the collision's own.")] = None,
    samples: Annotated[int, count_option("Populations that are drawn.", least=10)] = 43000,
    epochs: Annotated[int, count_option("How often each is seen.", most=100_000)] = 20,
    learning_rate: Annotated[float, positive_option("The greatest of the cycle.")] = 1e-3,
    speed: Annotated[float, positive_option("Largest speed; above that of the flows to come.")] = 0.05,
    noise: Annotated[float, positive_option("Largest noise on their equilibria.")] = 1e-3,
    channels: Annotated[int, count_option("Copies of the populations in hidden layers.", most=10_000)] = 8,
    seed: Annotated[int, seed_option("Of populations, weights and their order.")] = 0,
) -> None:
    """Any collision as an equivariant, conserving one of constant cost, with its own viscosity locked."""
    check_output("OUT", out, ".safetensors")
    from haar.cli.screen import ProgressBars, console
    from haar.systems.lattice_boltzmann import command
    from haar.systems.lattice_boltzmann.collision_file import write_collision
    from haar.systems.lattice_boltzmann.distillation import distil as learn
    from haar.systems.lattice_boltzmann.fitting import Lesson

    which, lattice = command.collision_named(collision, stencil, tau)
    with ProgressBars() as bars:
        found = learn(
            which,
            lattice,
            channels=channels,
            viscosity=viscosity,
            samples=samples,
            speed=speed,
            noise=noise,
            lesson=Lesson(epochs, learning_rate=learning_rate),
            seed=seed,
            watch=bars,
        )
    write_collision(out, found.collision, found.design)
    told = f"relative error {found.error:.3g} on populations not learned from, viscosity {found.design.viscosity:.6g}"
    console().print(f"{out}: {told}")


@app.command("export")
def export(
    collision: Annotated[str, typer.Argument(metavar="COLLISION", help="A .safetensors file, bgk, trt or mrt.")],
    out: Annotated[Path, typer.Argument(help="The .pt2 or .onnx file to write.")],
    *,
    stencil: OnStencil = None,
    tau: Tau = None,
) -> None:
    """Write a collision's inference form as a program for any number of cells, float64, which runs without haar."""
    check_output("OUT", out, ".pt2", ".onnx")
    from haar.cli.screen import console
    from haar.systems.lattice_boltzmann import command

    which, lattice = command.collision_named(collision, stencil, tau)
    command.export(which, lattice, out)
    console().print(f"{out}: populations [n, {lattice.size}] of {lattice.name} before to those after")


def _tell(report: Any, out: Path | None, *, as_json: bool) -> None:
    from haar.cli.screen import console
    from haar.cli.tables import print_tables
    from haar.report.json_file import dumps

    if as_json:
        typer.echo(dumps(report.to_dict()), nl=False)
    else:
        console().print(report.summary)
        print_tables(console(), report.sections())
    if out is not None:
        report.save_json(out / "result.json")
        report.save_html(out / "report.html")
        if not as_json:
            console().print(f"report: {out / 'report.html'}")
