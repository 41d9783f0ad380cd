"""``haar average distill``: from words to a student and its file."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from haar.average import average
from haar.average.distil import DistilReport, distil
from haar.cli.model_file import LoadedModel, Program
from haar.cli.surrogate_input import physical_model, try_model, window_data
from haar.cli.well_data import open_well, well_symmetry
from haar.data.well.spread_windows import SpreadWindows
from haar.errors import ArgumentError, HaarError
from haar.files import write_safetensors
from haar.programs import write_program
from haar.systems.group_averaging.surrogates import Surrogate, save
from haar.watch import Watch


@dataclass(frozen=True)
class Request:
    """What the user asked for, in the command's own words."""

    group: str
    fields: str | None
    history: int | None
    split: str
    normalised: bool
    samples: int
    steps: int
    batch: int
    learning_rate: float
    seed: int


def distilled(
    loaded: LoadedModel, data: Path, request: Request, output: Path, *, student: nn.Module | None, watch: Watch
) -> DistilReport:
    """Average, train the student, measure and write it.

    Args:
        loaded: The model.
        data: A data set in The Well's format; its labels are not used.
        request: Everything else.
        output: A ``.pt2`` or ``.safetensors`` file.
        student: What to train; None for a copy of the model.
        watch: Told of the progress.

    Raises:
        ArgumentError: If something does not fit.
        DataError: If the data set cannot be read.
        HaarError: If the student cannot be exported.
    """
    if output.suffix not in (".pt2", ".safetensors"):
        raise ArgumentError("--output", expected="a name that ends in .pt2 or .safetensors", got=output.name)
    if not request.learning_rate > 0:
        raise ArgumentError("--learning-rate", expected="a positive number", got=request.learning_rate)
    reader, names = open_well(data, split=request.split, fields=request.fields)
    windows = window_data(reader, names, request.history, loaded.channels)
    symmetry = well_symmetry(reader.metadata, request.group, windows.inputs)
    module = physical_model(loaded.module, reader, windows, normalised=request.normalised)
    for each in (module, student):
        if each is not None:
            try_model(each.eval(), windows)
    teacher = average(module, symmetry, micro_batch="auto" if loaded.batched else 1)
    x, _ = SpreadWindows(windows, samples=request.samples, batch=request.batch).stacked()
    made = distil(
        teacher,
        x,
        student=student,
        steps=request.steps,
        batch_size=request.batch,
        learning_rate=request.learning_rate,
        seed=request.seed,
        watch=watch,
    )
    _write(made.student, x[:2], output)
    return made.report


def _write(student: nn.Module, x: Tensor, output: Path) -> None:
    if output.suffix == ".safetensors":
        if isinstance(student, Surrogate):
            save(student, output)
            return
        # A program keeps the names of the model that it was made of: its state dict fits that model's class.
        bare = student.graph if isinstance(student, Program) else student
        write_safetensors(output, bare.state_dict())
        return
    try:
        with warnings.catch_warnings(action="ignore"), torch.no_grad():
            program = torch.export.export(student, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise HaarError(f"{output}: torch.export cannot trace the student ({reason}); write .safetensors") from error
    write_program(program, output)
