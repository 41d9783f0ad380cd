"""Write an averaged model as a file, and say how far the model and its average break the symmetry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from haar.average import average, save
from haar.cli.surrogate_input import FittedModel
from haar.errors import HaarError
from haar.systems.group_averaging.evaluation import relative_defect


@dataclass(frozen=True)
class Written:
    """What was written.

    Args:
        group: Name of the group.
        elements: Number of elements averaged over.
        before: Relative defect of the model: the difference between the answer for a moved input and the moved answer.
        after: The same of its average.
        batched: Whether the file takes any batch size.
    """

    group: str
    elements: int
    before: float
    after: float
    batched: bool


def export_average(fitted: FittedModel, output: Path) -> Written:
    """Average a model, write the average, read it again and compare (`haar.average.save`).

    Args:
        fitted: The model and its symmetry.
        output: A ``.pt2`` or ``.onnx`` file.

    Raises:
        ArgumentError: If the suffix is another.
        HaarError: If the model cannot be traced, or the file does not reproduce the average.
    """
    averaged = average(fitted.module, fitted.symmetry, micro_batch="auto" if fitted.batched else 1).eval()
    x = fitted.sample
    batched = fitted.batched
    if batched:
        try:
            save(averaged, (x,), output)
        except HaarError as error:
            if "cannot" not in str(error):
                raise
            batched = False  # some models can be traced for one batch size only
    if not batched:
        save(averaged, (x,), output, dynamic_batch=False)
    return Written(
        fitted.symmetry.group.name,
        len(averaged.elements) if averaged.elements is not None else 0,
        relative_defect(fitted.module, fitted.symmetry, x),
        relative_defect(averaged, fitted.symmetry, x),
        batched,
    )
