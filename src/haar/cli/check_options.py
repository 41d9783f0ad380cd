"""What ``haar check`` is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from haar.cli.options import (
    FactoryArg,
    Fields,
    History,
    Labels,
    Model,
    Trajectories,
    Weights,
    count_option,
    folder_option,
    positive_option,
    seed_option,
    steps_option,
)
from haar.limits import FEWEST_STEPS


@dataclass(frozen=True)
class CheckOptions:
    """What the command is told."""

    model: Model
    data: Annotated[
        Path,
        typer.Argument(
            help="A data set in The Well's format; .npz or HDF5 with x, and y and clusters if there are any, or "
            "file.h5:inputs,labels; a table, .npy, .csv, .pt or .safetensors; or frames of one molecule: .extxyz or "
            "whatever ASE reads, .npz as rMD17, .pt of PyTorch Geometric, beside a calculator of ASE or a model of "
            "positions."
        ),
    ]
    group: Annotated[
        str | None,
        typer.Option(
            help='The symmetry to ask for: auto (what the grid allows), D4, reflections, "D4 x shifts:16", SO3, S8, '
            "...; by default what haar discover finds."
        ),
    ] = None
    fields: Fields = None
    labels: Labels = None
    trajectories: Trajectories = None
    history: History = None
    weights: Weights = None
    factory_arg: FactoryArg = None
    split: Annotated[str | None, typer.Option(help="train, valid or test (or what there is).")] = None
    normalised: Annotated[
        bool, typer.Option("--normalised", help="The model works on z-scores by the data set's stats.yaml.")
    ] = False
    samples: Annotated[
        int | None,
        count_option("What to look at, spread evenly; by default 64 windows, 2048 rows, 256 frames.", least=4),
    ] = None
    relax: Annotated[
        bool,
        typer.Option(
            "--relax",
            help="Where averaging is not what helps, train a copy with as much symmetry as the data carry, and keep it "
            "if it is better than plain training as long.",
        ),
    ] = False
    steps: Annotated[
        int | None, steps_option("With --relax: steps of training, 150 by default.", least=FEWEST_STEPS)
    ] = None
    seconds: Annotated[
        float | None,
        positive_option("With --relax: as many steps are taken as fit into so long, 60 by default."),
    ] = None
    seed: Annotated[int, seed_option("Of the halves and everything drawn.")] = 0
    out: Annotated[
        Path, folder_option("Folder for report.html, check.json, and the repaired model, if there is one.")
    ] = Path("haar-check")
    as_json: Annotated[bool, typer.Option("--json", help="Print the check as one JSON object.")] = False
