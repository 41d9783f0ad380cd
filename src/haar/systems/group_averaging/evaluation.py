"""How a surrogate is judged: one step ahead on many windows, and rolled out over trajectories."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Layout
from haar.data import ErrorReport, FieldErrors

Step = Callable[[Tensor], Tensor]

#: Elements per forward pass: a fixed number, as one chosen by timing would change the last bits from run to run.
MICRO_BATCH = 1


def one_step_errors(
    model: Step,
    x: Float[Tensor, "window inputs *space"],
    y: Float[Tensor, "window outputs *space"],
    layout: Layout,
    *,
    batch_size: int = 8,
) -> ErrorReport:
    """Errors of one-step predictions, in physical units.

    Args:
        model: From inputs to the next state.
        x: Windows that the model is given.
        y: What follows them.
        layout: The channels of `x` (or of `y`).
        batch_size: Windows at a time.
    """
    errors = FieldErrors(layout)
    with torch.no_grad():
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)
            errors.update(model(x[part]), y[part])
    return errors.compute()


def prediction_errors(
    prediction: Float[Tensor, "run step outputs *space"],
    truth: Float[Tensor, "run step outputs *space"],
    layout: Layout,
    windows: Sequence[str],
) -> ErrorReport:
    """Errors of rollouts over windows of predicted steps.

    Args:
        prediction: What a rollout gives.
        truth: The states that follow the first history.
        layout: The channels of the model's input.
        windows: Such as ``"6:12"``.
    """
    errors = FieldErrors(layout)
    errors.update(prediction, truth)
    return errors.compute(windows)
