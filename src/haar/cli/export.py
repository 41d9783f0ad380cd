"""Write an averaged model as a file, and say how far the model and its average break the symmetry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from haar.average import Selected, average, save, select
from haar.average.weighted import ORBIT_LIMIT
from haar.cli.surrogate_input import FittedModel
from haar.errors import ArgumentError, HaarError
from haar.probing import defect
from haar.systems.group_averaging.spread_windows import SpreadWindows, field_scale

#: Windows of the data set that elements are selected on.
_WINDOWS = 32


@dataclass(frozen=True)
class Written:
    """What was written.

    Args:
        group: Name of the group.
        elements: Number of elements averaged over.
        order: Number of elements of the group.
        share: The part of the gain expected of them; None where all were taken.
        before: Relative defect of the model: the difference between the answer for a moved input and the moved answer.
        after: The same of its average.
        batched: Whether the file takes any batch size.
    """

    group: str
    elements: int
    order: int | None
    share: float | None
    before: float
    after: float
    batched: bool


def export_average(fitted: FittedModel, output: Path, *, share: float | None = None) -> Written:
    """Average a model, write the average, read it again and compare (`haar.average.save`).

    Args:
        fitted: The model and its symmetry.
        output: A ``.pt2`` or ``.onnx`` file.
        share: Average over the fewest elements that are expected to bring this part of the gain; None for all.

    Raises:
        ArgumentError: If the suffix is another, the group too large, or the model's outputs are not finite.
        HaarError: If the model cannot be traced, or the file does not reproduce the average.
    """
    micro_batch = "auto" if fitted.batched else 1
    chosen = None if share is None else _selected(fitted, share, micro_batch)
    group = fitted.symmetry.group
    if chosen is None and group.order is not None and group.order > ORBIT_LIMIT:
        raise ArgumentError(
            "--group",
            expected=f"at most {ORBIT_LIMIT} elements for a full orbit",
            got=f"{group.name}: {group.order} elements",
            way_out="take coarser shifts, such as D4 x shifts:16",
        )
    averaged = average(fitted.module, fitted.symmetry, chosen or "orbit", micro_batch=micro_batch).eval()
    x = fitted.sample
    with torch.no_grad():
        finite = bool(averaged(x).isfinite().all())
    if not finite:
        raise ArgumentError(
            "MODEL",
            expected="finite outputs",
            got="NaN or infinity for " + ("random numbers" if fitted.windows is None else "inputs of the data set"),
            way_out="give --data, whose inputs it knows" if fitted.windows is None else "look at its weights and units",
        )
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
    before, after = (
        defect(f, fitted.symmetry, (x,), fitted.symmetry.group.generators(), norm="squares").worst
        for f in (fitted.module, averaged)
    )
    return Written(
        fitted.symmetry.group.name,
        len(averaged.elements) if averaged.elements is not None else 0,
        fitted.symmetry.group.order,
        None if chosen is None else chosen.share,
        before,
        after,
        batched,
    )


def _selected(fitted: FittedModel, share: float, micro_batch: int | str) -> Selected:
    """The fewest elements for a share of the gain, from inputs of the data set."""
    if fitted.windows is None:
        raise ArgumentError("--share", expected="--data, whose inputs the elements are selected on", got="none")
    if not 0 < share <= 1:
        raise ArgumentError("--share", expected="a part of the gain, above 0 and at most 1", got=share)
    batch = 4 if fitted.batched else 1
    spread = SpreadWindows(fitted.windows, samples=_WINDOWS, batch=batch)
    scale = field_scale(spread, fitted.windows.outputs).float()
    scale = scale.reshape(-1, *[1] * (fitted.sample.ndim - 2))
    return select(
        fitted.module, fitted.symmetry, (x for x, _, _ in spread), share=share, scale=scale, micro_batch=micro_batch
    )
