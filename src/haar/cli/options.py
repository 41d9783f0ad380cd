"""Arguments and options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str,
    typer.Argument(
        help="A torch.export file (.pt2), a haar surrogate (.safetensors), or module:factory, imported from here."
    ),
]
Data = Annotated[Path, typer.Argument(help="A data set in The Well's format: its folder, or one HDF5 file.")]
Group = Annotated[
    str, typer.Option(help='auto, C2, C4, D2, D4, reflections, O, Oh, shifts, or "D4 x shifts:16" (cells).')
]
Fields = Annotated[
    str | None, typer.Option(help='The fields of the model, such as "tracer, velocity:vector, w:pseudoscalar".')
]
History = Annotated[int | None, typer.Option(min=1, help="Time steps in the model's input.")]
Weights = Annotated[
    Path | None, typer.Option(help="For a factory: its state dict, .safetensors or .pt (tensors alone).")
]
FactoryArg = Annotated[list[str] | None, typer.Option(help="For a factory: name=value; may be repeated.")]
