"""What ``haar average distill`` is told."""

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
    positive_option,
    seed_option,
    steps_option,
)


@dataclass(frozen=True)
class DistillOptions:
    """What the command is told."""

    model: Model
    data: Data
    group: Group
    output: Annotated[Path, typer.Option("-o", "--output", help="The .pt2 or .safetensors file to write.")]
    fields: Fields = None
    history: History = None
    student: Annotated[
        str | None, typer.Option(help="module:factory of the model to train; by default a copy of MODEL.")
    ] = None
    steps: Annotated[int, steps_option("Training steps.")] = 1000
    batch_size: Annotated[int, count_option("Samples in a step.", "--batch-size", "--batch")] = 16
    learning_rate: Annotated[float, positive_option("Of the first steps.")] = 1e-3
    samples: Annotated[int, count_option("Windows to learn from, spread evenly over the split.", least=2)] = 512
    split: Annotated[str | None, typer.Option(help="train (by default, of a folder), valid or test.")] = None
    seed: Annotated[int, seed_option("Of batches and elements.")] = 0
    normalised: Annotated[
        bool, typer.Option("--normalised", help="The model works on z-scores by the data set's stats.yaml.")
    ] = False
    weights: Weights = None
    factory_arg: FactoryArg = None
    as_json: Annotated[bool, typer.Option("--json", help="Print what was achieved as one JSON object.")] = False
