"""A distilled student as a file: its weights, or the whole of it as a program."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, HaarError, known_keywords
from haar.files import write_safetensors
from haar.programs import write_program


@known_keywords
def write_student(student: nn.Module, example: Tensor, path: str | os.PathLike[str]) -> Path:
    """Write a student as its state dict, or as a program for any number of samples.

    Args:
        student: A module of one input, in eval mode.
        example: At least two samples of the input, to trace with.
        path: ``.safetensors`` for the state dict, which fits the model's own class; ``.pt2`` for a program that needs
            no code of the model's and is read by ``torch.export.load(path).module()``.

    Returns:
        The path.

    Raises:
        ArgumentError: If the suffix is another.
        HaarError: If the student cannot be traced.

    Example:
        >>> import tempfile
        >>> student, x = nn.Linear(2, 2), torch.randn(3, 2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     again = torch.export.load(write_student(student, x, folder + "/student.pt2")).module()
        >>> bool(torch.allclose(again(x), student(x)))
        True
    """
    target = Path(path)
    if target.suffix == ".safetensors":
        write_safetensors(target, student.state_dict())
        return target
    if target.suffix != ".pt2":
        raise ArgumentError("path", expected="a name that ends in .pt2 or .safetensors", got=target.name)
    try:
        with warnings.catch_warnings(action="ignore"), torch.no_grad():
            program = torch.export.export(student, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise HaarError(f"{target}: torch.export cannot trace the student ({reason}); write .safetensors") from error
    write_program(program, target)
    return target
