"""``haar quantum``: circuits for molecules: data, training, the comparison, twirling, audits of what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haar.cli.failure import goes_on
from haar.cli.options import (
    check_output,
    count_option,
    folder_option,
    positive_option,
    seed_option,
    share_option,
    steps_option,
)

app = typer.Typer(help="Equivariant quantum circuits for molecules.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Steps = Annotated[int, steps_option("Steps on energies.")]
ForceSteps = Annotated[int, steps_option("Steps on energies and forces after that.", least=0)]
Seed = Annotated[int, seed_option("Everything random derives from it.")]
HeldOut = Annotated[float, share_option("Share of the training points that chooses the weights.", most=0.9)]


@app.command("data")
def data(
    name: Annotated[
        str, typer.Argument(help="lih, nh3, nh3-inversion or h2o; an .npz file; or a folder of .npy files.")
    ],
    *,
    out: Annotated[Path | None, typer.Option(help="Write the set here (.npz); a named surface is computed.")] = None,
    species: Annotated[str | None, typer.Option(help="Of a folder: atoms in its order, such as O,H,H.")] = None,
    energy: Annotated[str, typer.Option(help="Of a folder: hartree, ev or kcal/mol.")] = "hartree",
    length: Annotated[str, typer.Option(help="Of a folder: angstrom or bohr.")] = "angstrom",
    centre: Annotated[int, count_option("Of a folder: which atom is the central one.", least=0)] = 0,
    count: Annotated[int | None, count_option("Geometries; the shipped set's own by default.", least=2)] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Describe a surface, compute one, or read a folder with Energy.npy, Forces.npy and Positions.npy.

    Computed with PySCF: FCI/6-31G for LiH, MP2/6-31G for NH3 and H2O. A killed computation goes on where it was.
    """
    from haar.cli.screen import ProgressBars, console
    from haar.cli.tables import print_table
    from haar.data.molecules.generation import generate
    from haar.data.molecules.molecules import open_molecules
    from haar.data.molecules.public_sets import read_npy_set
    from haar.errors import ArgumentError
    from haar.report.json_file import dumps

    if out is not None:
        check_output("--out", out, ".npz")
    if species is not None:
        molecules = read_npy_set(name, species.split(","), energy=energy, length=length, centre=centre)
        if out is not None:
            molecules.save(out)
    elif Path(name).is_dir():
        raise ArgumentError("--species", expected="the atoms of this folder, such as O,H,H", got="none")
    elif out is None:
        if count is not None:
            raise ArgumentError("--count", expected="--out, to compute a surface", got="--count alone")
        molecules = open_molecules(name)
    else:
        with goes_on(out), ProgressBars(quiet=as_json) as bars:
            molecules = generate(name, out, count=count, seed=seed, watch=bars)
    table = molecules.table(name)
    if as_json:
        typer.echo(dumps(table.to_dict()), nl=False)
    else:
        print_table(console(), table)


@app.command("train")
def train(
    *,
    model: Annotated[
        str, typer.Option(help="generic, rotation, exchange, graph, water, distances, coordinates or mean.")
    ] = "graph",
    data: Annotated[str, typer.Option(help="lih, nh3, h2o, or an .npz file.")] = "nh3",
    points: Annotated[int, count_option("Training points.", "--train", least=2)] = 100,
    layers: Annotated[int | None, count_option("Layers of a circuit.", most=1000)] = None,
    steps: Steps = 300,
    force_steps: ForceSteps = 75,
    learning_rate: Annotated[float, positive_option("Learning rate.", "--learning-rate", "--rate")] = 0.03,
    held_out: HeldOut = 0.1,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="Where the potential goes (.safetensors).")] = Path("potential.safetensors"),
    as_json: AsJson = False,
) -> None:
    """Train a potential on energies, then on energies and forces; print its errors and what symmetry it breaks."""
    from haar.cli.screen import console
    from haar.cli.tables import print_table
    from haar.report.json_file import dumps
    from haar.systems.quantum.comparison import train_one
    from haar.systems.quantum.sections import errors_table, symmetry_table
    from haar.systems.quantum.training import PotentialPlan

    check_output("--out", out, ".safetensors")
    plan = PotentialPlan(steps=steps, force_steps=force_steps, learning_rate=learning_rate)
    potential, row = train_one(model, data, train=points, plan=plan, seed=seed, held_out=held_out, layers=layers)
    potential.save(out)
    if as_json:
        typer.echo(dumps(row), nl=False)
        return
    name = f"{data if data in ('lih', 'nh3', 'h2o') else 'data'} {points}"
    measures = [{"tables": {f"{name}|{row['title']}|0": row}}]
    for table in (errors_table(measures, name), symmetry_table(measures, name)):
        print_table(console(), table)
    console().print(f"potential: {out}")


@app.command("compare")
def compare(
    *,
    data: Annotated[str, typer.Option(help="lih, nh3 or h2o.")] = "nh3",
    points: Annotated[int | None, count_option("Training points; 16 for lih, else 100.", "--train", least=2)] = None,
    folds: Annotated[int, count_option("Folds.", most=10_000)] = 5,
    seeds: Annotated[int, count_option("Seeds of every fold.", most=10_000)] = 1,
    models: Annotated[str | None, typer.Option(help="Some titles, comma-separated; all by default.")] = None,
    steps: Steps = 300,
    force_steps: ForceSteps = 75,
    held_out: HeldOut = 0.0,
    quick: Annotated[bool, typer.Option("--quick", help="One fold, one seed.")] = False,
    out: Annotated[Path | None, folder_option("Folder for result.json, table.md and report.html.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train every model on the same folds and print errors, generalisation ratios and symmetry errors.

    All are trained alike, but for "Classical, long", which has 1,500 + 375 steps at a rate of .01.
    """
    from haar.cli.screen import ProgressBars, console
    from haar.files import atomic_path
    from haar.report.json_file import dumps
    from haar.systems.quantum.comparison_report import compare as run
    from haar.systems.quantum.training import PotentialPlan

    chosen = [name.strip() for name in models.split(",")] if models else None
    with ProgressBars(quiet=as_json) as bars:
        report = run(
            data,
            train=points or (16 if data == "lih" else 100),
            folds=1 if quick else folds,
            seeds=1 if quick else seeds,
            names=chosen,
            plan=PotentialPlan(steps=steps, force_steps=force_steps),
            held_out=held_out,
            watch=bars,
        )
    if out is not None:
        report.save_json(out / "result.json")
        report.save_html(out / "report.html")
        with atomic_path(out / "table.md") as part:
            part.write_text(report.markdown(), encoding="utf-8")
    if as_json:
        typer.echo(dumps(report.to_dict()), nl=False)
        return
    console().print(report.table())
    console().print(report.summary.replace("**", ""))
    if out is not None:
        console().print(f"report: {out / 'report.html'}")


@app.command("twirl")
def twirl(
    generator: Annotated[str, typer.Argument(help="A sum of Pauli words such as 'Z0 Z1 + 0.5 X0'.")],
    *,
    group: Annotated[str, typer.Option(help="su2, permutations, or molecule (both, two qubits an atom).")] = "su2",
    qubits: Annotated[int | None, count_option("Their number; as many as are named by default.", most=12)] = None,
    how: Annotated[str, typer.Option(help="auto, elements, reynolds, permutations, clifford or nullspace.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Make a gate generator or an observable commute with a group: the nearest operator that does."""
    import json

    from haar.nn.circuits.twirled_words import twirled_words

    words, broken = twirled_words(generator, group=group, qubits=qubits, how=how)
    if as_json:
        typer.echo(json.dumps({"twirled": words, "not_equivariant": broken}))
    else:
        typer.echo(words)
        typer.echo(f"share of the norm that was not equivariant: {broken:.3g}")


@app.command("audit")
def audit(
    potential: Annotated[Path, typer.Argument(help="A potential that `haar quantum train` wrote.")],
    *,
    data: Annotated[str, typer.Option(help="Where to look: lih, nh3, h2o, or an .npz file.")] = "nh3",
    samples: Annotated[int, count_option("Geometries.", least=2)] = 32,
    elements: Annotated[int, count_option("Random elements of the group.", most=100_000)] = 32,
    parity: Annotated[bool, typer.Option("--parity", help="Mirror images too: O(3).")] = False,
    out: Annotated[Path | None, folder_option("Folder for report.html and audit.json.")] = None,
    as_json: AsJson = False,
) -> None:
    """Audit a trained potential against rotations and exchanges of equal atoms."""
    from haar.audit import audit as run
    from haar.cli.delivery import deliver
    from haar.data.molecules.molecules import open_molecules
    from haar.errors import ArgumentError
    from haar.nn.circuits.symmetries import molecular_symmetry
    from haar.systems.quantum.potential import Potential

    model, molecules = Potential.load(potential).eval(), open_molecules(data)
    if molecules.species != model.species:
        raise ArgumentError("data", expected=f"molecules {', '.join(model.species)}", got=", ".join(molecules.species))
    x = molecules.in_frame("rotated").active
    chosen = x[:: max(1, len(x) // samples)][:samples]
    # In scaled units: energies in Hartree have a large constant, which no symmetry changes.
    report = run(model.model, molecular_symmetry(x.shape[1], parity=parity), chosen, elements=elements)
    deliver(report, out, "audit.json", report.summary, as_json=as_json)
