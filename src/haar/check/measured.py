"""What a repair did, on samples that chose nothing: error and defect before and after, each with its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from haar.actions import Symmetry
from haar.check.samples import Samples
from haar.probing import pieces, undisturbed
from haar.statistics import Estimate, ratio

#: Random elements that defects are measured at, beside generators; and samples in one forward pass.
_ELEMENTS, _AT_ONCE = 8, 16


@dataclass(frozen=True)
class Measured:
    """Numbers on held-out samples.

    Attributes:
        rows: How many samples.
        units: How many of them are independent.
        loss_before: Mean squared error of the model; None without labels.
        loss_after: Of the repaired model.
        change: After minus before, over what it was: from the same samples, so that its interval is narrow.
        defect_before: The largest relative defect of the elements looked at: the root mean square of f(g x) - g f(x)
            over the spread of predictions.
        defect_after: Of the repaired model.
        elements: How many elements were looked at.
    """

    rows: int
    units: int
    loss_before: Estimate | None
    loss_after: Estimate | None
    change: Estimate | None
    defect_before: Estimate
    defect_after: Estimate
    elements: int

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            name: value.to_dict() if isinstance(value, Estimate) else value for name, value in self.__dict__.items()
        }


def measure(
    models: tuple[Callable[..., Any], Callable[..., Any]],
    symmetry: Symmetry,
    held_out: Samples,
    *,
    scale: Tensor | None,
    significance: float,
    seed: int,
) -> Measured:
    """Compare two models on held-out samples.

    Args:
        models: The model, and the repaired one or the same.
        symmetry: What is asked of both.
        held_out: Samples that chose nothing.
        scale: What errors are divided by, broadcast against one output.
        significance: One minus the coverage of intervals.
        seed: Of random elements.
    """
    group = symmetry.group
    drawn = group.sample(_ELEMENTS, torch.Generator().manual_seed(seed))
    elements = [g for g in (*group.generators(), *drawn) if not bool(group.equal(g, group.identity()))]
    outputs = [predictions(model, held_out.inputs) for model in models]
    spread = _sizes(outputs[0] - outputs[0].mean(0), held_out)
    defects = [
        _worst([_defect(model, symmetry, g, held_out, y) for g in elements], spread, significance)
        for model, y in zip(models, outputs, strict=True)
    ]
    losses: list[Estimate | None] = [None, None, None]
    if held_out.labels is not None:
        errors = [squared_errors(y, held_out, scale) for y in outputs]
        entries = _per_unit(torch.full((len(held_out.inputs),), float(outputs[0][0].numel())).double(), held_out)
        level = 1 - significance
        losses = [
            *(ratio(error, entries, least=0.0, level=level) for error in errors),
            ratio(errors[1] - errors[0], errors[0], level=level),
        ]
    before, after = defects
    return Measured(
        len(held_out.inputs), held_out.independent, losses[0], losses[1], losses[2], before, after, len(elements)
    )


def predictions(model: Callable[..., Any], x: Tensor) -> Inexact[Tensor, "rows *out"]:
    """What a model gives, in eval mode and a few samples at a time; in double precision.

    Args:
        model: The model.
        x: Inputs.
    """
    with undisturbed(model), torch.no_grad():
        y = torch.cat([model(part) for part in pieces(x, _AT_ONCE)]).detach()
    return y.to(torch.complex128 if y.is_complex() else torch.float64)


def _defect(model: Callable[..., Any], symmetry: Symmetry, g: Tensor, samples: Samples, y: Tensor) -> Tensor:
    (moved,) = symmetry.act_inputs(g, (samples.inputs,))
    wrong = predictions(model, moved) - symmetry.act_outputs(g, y)
    return _sizes(wrong, samples)


def _worst(tops: list[Tensor], spread: Tensor, significance: float) -> Estimate:
    made = [ratio(top, spread, root=True, level=1 - significance) for top in tops]
    return max(made, key=lambda estimate: estimate.value)


def squared_errors(y: Tensor, samples: Samples, scale: Tensor | None) -> Float[Tensor, " units"]:
    """The sum of squared errors of every independent unit; zeros without labels.

    Args:
        y: Predictions.
        samples: Inputs and labels.
        scale: What errors are divided by, broadcast against one output.
    """
    labels = samples.labels
    wrong = y - (y if labels is None else labels.to(y.dtype).reshape(y.shape))
    if scale is not None:
        wrong = wrong / scale.to(torch.float64)
    return _sizes(wrong, samples)


def _sizes(wrong: Tensor, samples: Samples) -> Float[Tensor, " units"]:
    """Squares of real or complex numbers, summed over every unit."""
    return _per_unit(wrong.abs().square().reshape(len(wrong), -1).sum(1), samples)


def _per_unit(values: Float[Tensor, " rows"], samples: Samples) -> Float[Tensor, " units"]:
    label = samples.units.unique(return_inverse=True)[1]
    made = torch.zeros(samples.independent, dtype=torch.float64)
    return made.index_add(0, label, values.double())
