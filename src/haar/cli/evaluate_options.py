"""What ``haar average evaluate`` is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from haar.cli.options import (
    Data,
    FactoryArg,
    Fields,
    Group,
    History,
    Model,
    Weights,
    count_option,
    folder_option,
    seed_option,
)


@dataclass(frozen=True)
class EvaluateOptions:
    """What the command is told."""

    model: Model
    data: Data
    group: Group
    fields: Fields = None
    history: History = None
    weights: Weights = None
    factory_arg: FactoryArg = None
    split: Annotated[str | None, typer.Option(help="train, valid or test (or what there is).")] = None
    normalised: Annotated[
        bool, typer.Option("--normalised", help="The model works on z-scores by the data set's stats.yaml.")
    ] = False
    windows: Annotated[
        str | None,
        typer.Option(help="Predicted steps, such as 1,6:12; by default those of 1, 6:12 and 13:30 that are reached."),
    ] = None
    mode: Annotated[str, typer.Option(help="How rollouts are averaged: step, trajectory, stochastic or cyclic.")] = (
        "step"
    )
    per_run: Annotated[int, count_option("Places of every trajectory that one step is predicted from.")] = 8
    batch_size: Annotated[int, count_option("Inputs at a time.", "--batch-size", "--batch")] = 8
    seed: Annotated[int, seed_option("Of the bootstrap and of random elements.")] = 0
    out: Annotated[Path | None, folder_option("Folder for report.html and evaluation.json.")] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print the evaluation as one JSON object.")] = False
