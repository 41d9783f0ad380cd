"""A model averaged and written in one call, and what the average is: its elements, its gain, its broken symmetry."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.average.average import average
from haar.average.engine import Averaged
from haar.average.export import UntraceableError, save
from haar.average.selected import Selected, select
from haar.average.weighted import ORBIT_LIMIT
from haar.containers import tensors_of
from haar.errors import ArgumentError, known_keywords
from haar.probing import defect, undisturbed


@dataclass(frozen=True)
class Written:
    """What `write_average` wrote.

    Attributes:
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

    def __str__(self) -> str:
        """In a line."""
        gain = "" if self.share is None else f", {self.share:.1%} of the gain of all {self.order} expected"
        size = "any batch size" if self.batched else "one batch size"
        return (
            f"average over {self.elements} elements of {self.group}{gain}; broken symmetry, relative, "
            f"{self.before:.3g} before and {self.after:.3g} after; {size}"
        )


@known_keywords
def write_average(
    model: Callable[..., Any],
    symmetry: Symmetry,
    example: Tensor,
    path: str | os.PathLike[str],
    *,
    share: float | int | None = None,
    inputs: Tensor | Iterable[Any] | None = None,
    scale: Tensor | None = None,
    batched: bool = True,
) -> Written:
    """Average a model of one input, write the average, read it again and compare (see `haar.average.save`).

    Args:
        model: Any module or callable.
        symmetry: How the group acts.
        example: One input, ``(1, channel, *space)`` for fields.
        path: A ``.pt2`` or ``.onnx`` file.
        share: Average over the fewest elements that are expected to bring this part of the gain; None for all.
        inputs: Unlabelled inputs that the elements are selected on (see `haar.average.select`).
        scale: What the errors of the outputs are divided by in selecting.
        batched: Whether the model takes any batch size; otherwise it is run for one input at a time. A file of any
            batch size is written where torch can, and one of the example's otherwise.

    Returns:
        What was written, and how far the model and its average break the symmetry on the example.

    Raises:
        ArgumentError: If the suffix is another, the group too large, a share given without inputs to select on or out
            of range, or the average of the example not finite.
        HaarError: If the model cannot be traced, or the file does not reproduce the average.

    Example:
        >>> import tempfile
        >>> from haar.groups import dihedral
        >>> model, symmetry = torch.nn.Conv2d(1, 1, 3, padding=1), Symmetry.of_fields(dihedral(4), "p")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = write_average(model, symmetry, torch.randn(1, 1, 8, 8), folder + "/averaged.pt2")
        >>> written.elements, written.batched, written.after < 1e-5 < written.before
        (8, True, True)
    """
    micro_batch = "auto" if batched else 1
    group = symmetry.group
    chosen: Selected | None = None
    if share is not None:
        if inputs is None:
            raise ArgumentError("inputs", expected="inputs to select elements on, beside a share", got="none")
        chosen = select(model, symmetry, inputs, share=share, scale=scale, micro_batch=micro_batch)
    elif group.order is not None and group.order > ORBIT_LIMIT:
        raise ArgumentError(
            "symmetry",
            expected=f"at most {ORBIT_LIMIT} elements for a full orbit",
            got=f"{group.name}: {group.order} elements",
            way_out="take coarser shifts, such as D4 x shifts:16",
        )
    with undisturbed(model):
        averaged = average(model, symmetry, chosen or "orbit", micro_batch=micro_batch).eval()
        return _written(averaged, example, Path(path), chosen, batched=batched)


def _written(averaged: Averaged, example: Tensor, path: Path, chosen: Selected | None, *, batched: bool) -> Written:
    symmetry, group = averaged.symmetry, averaged.symmetry.group
    with torch.no_grad():
        finite = all(bool(y.isfinite().all()) for y in tensors_of(averaged(example)))
    if not finite:
        raise ArgumentError(
            "model",
            expected="finite outputs",
            got="NaN or infinity for the example",
            way_out="look at its weights and units",
        )
    free = _saved(averaged, example, path, batched=batched)
    generators = group.generators()
    return Written(
        group.name,
        len(averaged.elements) if averaged.elements is not None else 0,
        group.order,
        None if chosen is None else chosen.share,
        defect(averaged.model, symmetry, (example,), generators, norm="squares").worst,
        defect(averaged, symmetry, (example,), generators, norm="squares").worst,
        free,
    )


def _saved(averaged: Averaged, example: Tensor, path: Path, *, batched: bool) -> bool:
    """Write for any batch size, where the model can be traced so; whether it could."""
    try:
        save(averaged, (example,), path, dynamic_batch=batched)
    except UntraceableError:
        if not batched:
            raise
        save(averaged, (example,), path, dynamic_batch=False)
        return False
    return batched
