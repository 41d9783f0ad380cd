"""``haar constitutive``: laws fitted to strains and stresses, checked, identified, exported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from haar.cli.options import (
    check_output,
    count_option,
    folder_option,
    named_on_the_command_line,
    positive_option,
    seed_option,
    steps_option,
)

app = typer.Typer(
    help="Laws with exact material symmetry: haar constitutive fit data.csv --group cubic -o law.safetensors",
    no_args_is_help=True,
)

Data = Annotated[Path, typer.Argument(help="A .csv with columns such as e11, gamma12, s23 [MPa], or an .npz.")]
Notation = Annotated[
    str | None,
    typer.Option(
        help="How components are written: voigt (engineering shear), voigt-tensor, mandel, abaqus, ansys, "
        "lexicographic-tensor, or strain/stress, such as voigt/abaqus-tensor."
    ),
]
Frame = Annotated[Path | None, typer.Option(help="A file with the material's axes: a 3 x 3 matrix, axes as columns.")]
Out = Annotated[Path | None, folder_option("Folder for report.html and a JSON file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
_NAMES = {
    "group": "--group", "kind": "--kind", "notation": "--notation", "frame": "--frame",
    "learning_rate": "--learning-rate", "data": "DATA", "law": "LAW",
}  # fmt: skip


@app.command("fit")
def fit(
    data: Data,
    *,
    group: Annotated[str, typer.Option(help="m-3m or Oh, cubic, transversely isotropic, isotropic, plane D4, ...")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .safetensors file to write.")],
    kind: Annotated[
        str, typer.Option(help="hyperelastic, convex, tensor; with history: recurrent, viscoelastic, elastoplastic.")
    ] = "hyperelastic",
    notation: Notation = None,
    frame: Frame = None,
    size: Annotated[
        int | None, count_option("Hidden units, tensors or elements; by default the kind's own.", most=4096)
    ] = None,
    steps: Annotated[int, steps_option("Steps of Adam.")] = 1000,
    learning_rate: Annotated[float, positive_option("Learning rate of the first steps.")] = 3e-3,
    seed: Annotated[int, seed_option("Of weights and batches.")] = 0,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Fit a law with the material's symmetry to DATA, every fifth sample held out, and write it."""
    from haar.cli.delivery import deliver
    from haar.cli.screen import ProgressBars
    from haar.systems.constitutive import command

    check_output("--output", output, ".safetensors")
    order = command.Order(data, group, kind, notation, frame, size, steps, learning_rate, seed)
    with named_on_the_command_line(**_NAMES), ProgressBars(quiet=as_json) as bars:
        report = command.fit(order, output, watch=bars)
    deliver(report, out, "fit.json", f"{report.summary} {output}", as_json=as_json, answers=9)


@app.command("check")
def check(
    law: Annotated[Path | None, typer.Argument(help="A law that haar constitutive fit wrote.")] = None,
    *,
    data: Annotated[
        Path | None, typer.Option(help="States to check it at; without LAW, data whose notation is looked at.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Symmetry to check; by default the law's own.")] = None,
    notation: Notation = None,
    frame: Frame = None,
    size: Annotated[float, positive_option("Size of random strains.")] = 0.02,
    cycles: Annotated[
        bool, typer.Option("--cycles", help="The data are closed cycles (a column path): the energy they lose.")
    ] = False,
    seed: Annotated[int, seed_option("Of these.")] = 0,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Is LAW exactly symmetric, conservative or dissipative, and stable? Exit code 1 if it is not."""
    from haar.cli.delivery import deliver
    from haar.systems.constitutive import command

    with named_on_the_command_line(**_NAMES):
        report = command.check(
            law, data, group=group, notation=notation, frame=frame, size=size, cycles=cycles, seed=seed
        )
    deliver(report, out, "check.json", report.summary, as_json=as_json, answers=9)
    if not report.holds:
        raise typer.Exit(1)


@app.command("identify")
def identify(
    data: Data,
    *,
    notation: Notation = None,
    level: Annotated[float, positive_option("Significance level, after correction.")] = 0.05,
    draws: Annotated[int, count_option("Of the bootstrap.", least=10, most=100_000)] = 100,
    seed: Annotated[int, seed_option("Of all draws.")] = 0,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Which crystal class does the material of DATA have, and along which axes?"""
    from haar.cli.delivery import deliver
    from haar.cli.screen import ProgressBars
    from haar.systems.constitutive import command

    with named_on_the_command_line(**_NAMES), ProgressBars(quiet=as_json) as bars:
        report = command.identify_file(data, notation=notation, level=level, draws=draws, seed=seed, watch=bars)
    deliver(report, out, "identify.json", report.summary, as_json=as_json, answers=9)


@app.command("export")
def export(
    law: Annotated[Path, typer.Argument(help="A law that haar constitutive fit wrote.")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="The .pt2 file to write: stress and tangent.")],
    notation: Annotated[str, typer.Option(help="How the caller writes components.")] = "abaqus",
    compiled: Annotated[bool, typer.Option("--compile", help="As a package that C++ loads without Python.")] = False,
    umat: Annotated[Path | None, folder_option("Folder for umat.cpp and the program made of it.")] = None,
) -> None:
    """Write LAW as a program that any code can call: stress and consistent tangent."""
    from haar.systems.constitutive import program
    from haar.systems.constitutive.law_file import load_law
    from haar.systems.constitutive.notation import named_notation

    check_output("--output", output, ".pt2")
    with named_on_the_command_line(**_NAMES):
        made, _ = load_law(law)
        writer: Any = program.compile_law if compiled else program.write_law_program
        writer(made, output, notation)
    typer.echo(f"{output}: strain to stress and tangent, components {named_notation(notation)}")
    if umat is not None:
        typer.echo(f"{program.build_umat(umat)}: HAAR_LAW={output} names the package")


@app.command("classes")
def classes(*, as_json: AsJson = False) -> None:
    """The 32 crystal classes and the limit classes, with their elastic constants."""
    from haar.cli.screen import console
    from haar.report.json_file import dumps
    from haar.systems.constitutive.elastic import classes as table

    found = table()
    if as_json:
        typer.echo(dumps(found.to_dict()), nl=False)
    else:
        console().print(found.rich())
