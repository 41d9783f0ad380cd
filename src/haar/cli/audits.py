"""``haar audit``: of a model, of a force field, of conventions, of principal axes, of signs, of simulated data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haar.cli.audit import audit
from haar.cli.default_command import DefaultCommandGroup
from haar.cli.delivery import deliver
from haar.cli.options import FactoryArg, Fields, Group, History, Weights, count_option, folder_option, seed_option
from haar.errors import ArgumentError

app = typer.Typer(
    cls=DefaultCommandGroup,
    help="Does a model respect a symmetry? haar audit MODEL DATA --group D4",
    no_args_is_help=True,
)
data = typer.Typer(help="Do simulated data have the symmetry that models assume?", no_args_is_help=True)
app.command("model")(audit)
app.add_typer(data, name="data")

Out = Annotated[Path | None, folder_option("Folder for report.html and audit.json.")]
Json = Annotated[bool, typer.Option("--json", help="Print the audit as one JSON object.")]


@app.command("frame")
def frame(
    file: Annotated[Path, typer.Argument(help="Clouds: .npy (n, d) or (clouds, n, d), or molecules such as .xyz.")],
    *,
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", "--tol", help="Smallest relative gap of eigenvalues that is trusted."),
    ] = None,
    most: Annotated[int, count_option("Clouds to look at.")] = 200,
    rotations: Annotated[int, count_option("Random rotations and reflections of each.", least=2, most=10_000)] = 4,
    seed: Annotated[int, seed_option("Of the network and the rotations.")] = 0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Are the principal axes of these clouds defined? Gaps, multiplicities, predicted and measured errors."""
    from haar.audit.frames import audit_frames
    from haar.cli.cloud_file import read_clouds
    from haar.cli.screen import ProgressBars

    if tolerance is not None and not 0 < tolerance < 1:
        raise ArgumentError("--tolerance", expected="a relative gap between 0 and 1", got=tolerance)
    clouds, names, marks = read_clouds(file, most=most)
    with ProgressBars(quiet=as_json) as bars:
        report = audit_frames(
            clouds, names=names, marks=marks, tolerance=tolerance, rotations=rotations, seed=seed, watch=bars
        )
    deliver(report, out, "audit.json", report.summary, as_json=as_json)


@app.command("ase")
def ase(
    calculator: Annotated[
        str, typer.Argument(help="module:calculator, a calculator of ASE or a function that makes one.")
    ],
    structures: Annotated[
        Path, typer.Argument(help="Structures: .extxyz or whatever ASE reads, .npz as rMD17, .pt of PyTorch Geometric.")
    ],
    *,
    factory_arg: FactoryArg = None,
    samples: Annotated[int, count_option("Structures to look at, spread over the file.")] = 8,
    rotations: Annotated[int, count_option("Angles of rotations and of reflections of each.", most=1000)] = 12,
    repair: Annotated[bool, typer.Option(help="Whether averages that may mend it are tried.")] = True,
    seed: Annotated[int, seed_option("Of axes, shifts and orders.")] = 0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Does a force field respect the symmetries of space? Also written haar audit --ase CALCULATOR STRUCTURES.

    Energy, forces and stress, each in its unit, under rotations, reflections, translations, another order of equal
    atoms, supercells and cells of the other hand; what is broken, and the smallest repair with its cost.
    """
    from haar.audit import audit_force_field
    from haar.cli.calculator_entry import calculator_of
    from haar.cli.screen import ProgressBars
    from haar.data.molecules import read_structures

    many = read_structures(structures, most=samples, argument="STRUCTURES")
    asked = calculator_of(calculator, factory_arg or ())
    with ProgressBars(quiet=as_json) as bars:
        report = audit_force_field(asked, many, rotations=rotations, repair=repair, seed=seed, watch=bars)
    report.settings.update({"calculator": calculator, "file": str(structures)})
    deliver(report, out, "audit.json", report.summary, as_json=as_json)


@app.command("conventions")
def conventions(
    data_: Annotated[
        Path, typer.Argument(metavar="DATA", help="A folder or file in The Well's format, or .npz with x and y.")
    ],
    *,
    group: Group,
    fields: Fields = None,
    outputs: Annotated[
        str | None, typer.Option(help="Fields of y, for .npz; by default the variable ones of x.")
    ] = None,
    centring: Annotated[str, typer.Option(help="cell or node, as stated for .npz; The Well's files say it.")] = "cell",
    history: History = None,
    split: Annotated[str | None, typer.Option(help="train, valid or test (or what there is).")] = None,
    samples: Annotated[int, count_option("Windows to look at, spread evenly over the split.", least=8)] = 64,
    seed: Annotated[int, seed_option("Of the points that are fitted.")] = 0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Which centring, order of components and parities make DATA and its labels consistent? No model is asked."""
    from haar.audit import audit_conventions
    from haar.cli.labelled_fields import labelled_fields

    symmetry, rows = labelled_fields(
        data_,
        group,
        fields=fields,
        outputs=outputs,
        centring=centring,
        history=history,
        split=split,
        samples=samples,
    )
    report = audit_conventions(symmetry, rows, max_samples=samples, seed=seed)
    deliver(report, out, "audit.json", report.summary, as_json=as_json)


@app.command("signs")
def signs(
    model: Annotated[str, typer.Argument(help="module:factory of a model of eigenvectors (n, k).")],
    graph: Annotated[Path, typer.Argument(help="A .npy file: weights (n, n), or edges (2, e) of integers.")],
    *,
    k: Annotated[int, count_option("Eigenvectors of the graph's Laplacian.", "-k", most=10_000)] = 8,
    weights: Weights = None,
    factory_arg: FactoryArg = None,
    samples: Annotated[int, count_option("Random sign changes, beyond 6 columns.", most=100_000)] = 64,
    seed: Annotated[int, seed_option("Of the sign changes.")] = 0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Does MODEL depend on the signs of eigenvectors, or on bases of repeated eigenvalues?

    With --weights the factory's initial weights are audited too: what is exact there is built in, the rest was learned.
    """
    import torch

    from haar.cli.graph_model import graph_model, read_graph
    from haar.cli.model_file import LoadedModel
    from haar.cli.screen import warn_bare
    from haar.data.spectra import laplacian_eigs

    weights_matrix = read_graph(graph)
    spectrum = laplacian_eigs(weights_matrix, k, unhealthy="quiet")
    loaded = graph_model(model, weights_matrix, weights=weights, arguments=factory_arg or ())
    before = None if weights is None else graph_model(model, weights_matrix, arguments=factory_arg or ())
    from haar.audit.signs import audit_signs

    kinds = {p.dtype for p in loaded.parameters() if p.is_floating_point()}
    report = audit_signs(
        loaded,
        spectrum.vectors.to(kinds.pop() if len(kinds) == 1 else torch.float32),
        spaces=spectrum.spaces,
        untrained=before,
        samples=samples,
        seed=seed,
    )
    deliver(report, out, "audit.json", report.summary, as_json=as_json)
    bare = weights is None and any(True for _ in loaded.parameters())
    warn_bare(LoadedModel(loaded, bare=bare), model)
    if spectrum.health.warnings and not as_json:
        typer.echo("graph: " + "; ".join(f"{code} {words}" for code, words in spectrum.health.warnings.items()))


@app.command("components")
def components(
    model: Annotated[
        str, typer.Argument(help="module:estimator, a fitted pipeline with principal components, or what makes one.")
    ],
    rows: Annotated[Path, typer.Argument(help="Rows: .npz with x and y, or .npy, .csv, .txt of x alone.")],
    *,
    factory_arg: FactoryArg = None,
    samples: Annotated[int, count_option("Random sign changes, beyond 6 components.", most=100_000)] = 64,
    seed: Annotated[int, seed_option("Of the sign changes.")] = 0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Does an estimator of scikit-learn depend on the signs of its components? Also haar audit ... --group signs.

    Its head as it is, and with answers (y) one that is fitted anew; under all signs, and between the two conventions
    that scikit-learn's PCA has had. Nothing is unpickled: load a saved estimator in a function of your own module.
    """
    from haar.cli.component_audit import audit_signs_of

    audit_signs_of(model, rows, arguments=factory_arg or (), samples=samples, seed=seed, out=out, as_json=as_json)


@data.command("nbody")
def nbody(
    folder: Annotated[Path | None, typer.Argument(help="Published .npy files; by default data are generated.")] = None,
    *,
    split: Annotated[str, typer.Option(help="Of the published files: train, valid or test.")] = "test",
    clip: Annotated[str, typer.Option(help="Of generated data: component (widely used), norm or none.")] = "component",
    dim: Annotated[int, count_option("Of generated data.", least=2, most=100)] = 3,
    samples: Annotated[int, count_option("Trajectories.", least=2, most=10**6)] = 400,
    rotations: Annotated[int, count_option("Random rotations and reflections of each.", least=2, most=10_000)] = 6,
    seed: Annotated[int, seed_option("Of everything.")] = 0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Do charged particles turn as models assume? The floor that the data set for every equivariant predictor."""
    from haar.audit.particle_data import audit_particles
    from haar.cli.screen import ProgressBars
    from haar.data.particles import check_clip
    from haar.data.published.particles import read_particles

    check_clip(clip)
    given = None if folder is None else read_particles(folder, split, limit=samples)
    with ProgressBars(quiet=as_json) as bars:
        report = audit_particles(given, clip=clip, dim=dim, samples=samples, rotations=rotations, seed=seed, watch=bars)
    deliver(report, out, "audit.json", report.summary, as_json=as_json)
