"""Write an averaged model as a ``torch.export`` program, and check what was written."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.average import average
from haar.cli.surrogate_input import FittedModel
from haar.errors import HaarError
from haar.files import atomic_path

#: A program in single precision whose relative defect is larger than this is not what it claims to be.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Written:
    """What was written.

    Args:
        group: Name of the group.
        elements: Number of elements averaged over.
        before: Relative defect of the model: the difference between the answer for a moved input and the moved answer.
        after: The same of the program, read again from the file.
        batched: Whether the program takes any batch size.
    """

    group: str
    elements: int
    before: float
    after: float
    batched: bool


def export_average(fitted: FittedModel, output: Path) -> Written:
    """Average, export, write, read again, check.

    Args:
        fitted: The model and its symmetry.
        output: The ``.pt2`` file.

    Raises:
        HaarError: If the model cannot be exported, or the program is not symmetric or not what the average is.
    """
    averaged = average(fitted.module, fitted.symmetry, micro_batch="auto" if fitted.batched else 1).eval()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2 if fitted.batched else 1, *fitted.shape, generator=generator)
    program, batched = _export(averaged, x, free_batch=fitted.batched)
    with atomic_path(output) as part:
        torch.export.save(program, part)
    again = torch.export.load(output).module()
    sample = x if batched else x[:1]
    with torch.no_grad():
        expected, got = averaged(sample), again(sample)
    drift = float((expected - got).norm() / expected.norm().clamp(min=1e-30))
    after = _defect(again, fitted.symmetry, sample)
    if not max(drift, after) < TOLERANCE:
        output.unlink()
        raise HaarError(
            f"{output}: the program read again differs from the average by {drift:.2g} and breaks "
            f"{fitted.symmetry.group.name} by {after:.2g}, relative; the file was removed"
        )
    return Written(
        fitted.symmetry.group.name,
        len(averaged.elements) if averaged.elements is not None else 0,
        _defect(fitted.module, fitted.symmetry, sample),
        after,
        batched,
    )


def _export(module: nn.Module, x: Tensor, *, free_batch: bool) -> tuple[torch.export.ExportedProgram, bool]:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch's own remarks on how it exports
        if free_batch:
            try:
                return torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},)), True
            except Exception:  # noqa: BLE001, S110 (torch raises every kind; the fixed size is tried next)
                pass
        try:
            return torch.export.export(module, (x[:1],)), False
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise HaarError(f"MODEL: torch.export cannot trace it ({reason})") from error


def _defect(module: nn.Module, symmetry: Symmetry, x: Tensor) -> float:
    """The largest relative difference over generators."""
    worst = 0.0
    with torch.no_grad():
        y = module(x)
        for g in symmetry.group.generators():
            moved = symmetry.act_outputs(g, y)
            there = module(symmetry.act_inputs(g, (x,))[0])
            worst = max(worst, float((moved - there).norm() / y.norm().clamp(min=1e-30)))
    return worst
