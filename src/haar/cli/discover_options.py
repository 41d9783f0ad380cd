"""What ``haar discover`` is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from haar.cli.options import FactoryArg, Labels, Trajectories, Weights, count_option, folder_option, seed_option


@dataclass(frozen=True)
class DiscoverOptions:
    """What the command is told."""

    model: Annotated[
        str | None, typer.Argument(help="A .pt2 file, a .safetensors surrogate, or module:factory; none with --law.")
    ] = None
    data: Annotated[
        Path | None,
        typer.Argument(
            help="Inputs: .npy, .safetensors, .pt, .csv with rows (b, ...); .npz or HDF5 with x; or a Well folder."
        ),
    ] = None
    labels: Labels = None
    trajectories: Trajectories = None
    law: Annotated[Path | None, typer.Option(help="Samples alone, no model: a table of numbers.")] = None
    outputs: Annotated[str, typer.Option(help="auto, any, same or invariant: how outputs move.")] = "auto"
    kinds: Annotated[str, typer.Option(help="lie, finite, grid, or several with commas.")] = "lie,finite"
    dictionary: Annotated[
        str | None, typer.Option(help="affine, linear, monomials:2 or grid: what generators may be.")
    ] = None
    shared: Annotated[
        bool | None, typer.Option("--shared/--not-shared", help="One matrix acts on every point of (b, K, d).")
    ] = None
    weight: Annotated[str, typer.Option(help="none, or relative for inputs with heavy tails.")] = "none"
    tolerance: Annotated[float, typer.Option(help="The largest defect of what is called a symmetry.")] = 0.2
    samples: Annotated[int, count_option("Rows to use.", least=4)] = 2048
    require: Annotated[
        str | None, typer.Option(help="Exit with code 1 unless this group is among what was found: SO3.")
    ] = None
    weights: Weights = None
    factory_arg: FactoryArg = None
    seed: Annotated[int, seed_option("Of the halves and everything drawn.")] = 0
    save: Annotated[Path | None, typer.Option(help="Where to write the symmetry, for haar audit --symmetry.")] = None
    out: Annotated[Path | None, folder_option("Folder for report.html and discover.json.")] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print the discovery as one JSON object.")] = False
