"""``haar average distill``: from words to a student and its file."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from haar.average import average
from haar.average.distil import DistilReport, distil
from haar.cli.distill_options import DistillOptions
from haar.cli.model_file import LoadedModel, Program
from haar.cli.surrogate_input import physical_model, try_model, window_data
from haar.cli.well_data import open_well, well_symmetry
from haar.data.well.spread_windows import SpreadWindows
from haar.errors import HaarError
from haar.files import write_safetensors
from haar.programs import write_program
from haar.systems.group_averaging.surrogates import Surrogate, save
from haar.watch import Watch


def distilled(loaded: LoadedModel, told: DistillOptions, *, student: nn.Module | None, watch: Watch) -> DistilReport:
    """Average, train the student, measure and write it.

    Args:
        loaded: The model.
        told: The data set, whose labels are not used, the file to write, and everything else.
        student: What to train; None for a copy of the model.
        watch: Told of the progress.

    Raises:
        ArgumentError: If something does not fit.
        DataError: If the data set cannot be read.
        HaarError: If the student cannot be exported.
    """
    reader, names = open_well(told.data, split=told.split, fields=told.fields)
    windows = window_data(reader, names, told.history, loaded.channels)
    symmetry = well_symmetry(reader.metadata, told.group, windows.inputs)
    module = physical_model(loaded.module, reader, windows, normalised=told.normalised)
    for each in (module, student):
        if each is not None:
            try_model(each.eval(), windows)
    teacher = average(module, symmetry, micro_batch="auto" if loaded.batched else 1)
    x, _ = SpreadWindows(windows, samples=told.samples, batch=told.batch).stacked()
    made = distil(
        teacher,
        x,
        student=student,
        steps=told.steps,
        batch_size=told.batch,
        learning_rate=told.learning_rate,
        seed=told.seed,
        watch=watch,
    )
    _write(made.student, x[:2], told.output)
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
