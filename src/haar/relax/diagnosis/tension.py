"""Tension: how hard the loss pulls a strictly equivariant model away from the symmetry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from haar.errors import known_keywords
from haar.relax.diagnosis.gradients import Loss, batch_gradients
from haar.relax.weight_law import layers_of


@known_keywords
def tension(
    model: Any, loss: Loss, inputs: Any, target: Any, *, layers: Sequence[str] | None = None
) -> dict[str, float]:
    """||(I - P) dJ/dW|| / ||dJ/dW|| of every layer, at gamma = 0: 0 where the loss asks for no asymmetry, at most 1.

    If the loss is invariant, the nonlinearities equivariant and the data closed under the group it is exactly 0: a
    gradient at an equivariant point is equivariant. On data that are not whole orbits it is of order 1 by chance
    alone; `score_test` tells chance from asymmetry.

    Args:
        model: A wrapped model.
        loss: The task's loss of (prediction, target), a mean over samples.
        inputs: A tensor, or a tuple of the model's arguments.
        target: What the loss compares with.
        layers: Names of layers; by default all with a weight.

    Raises:
        ArgumentError: If a name is unknown or no layer has a weight.

    Example:
        >>> from haar.actions import Defining, Symmetry, Vector
        >>> from haar.groups import cyclic
        >>> from haar.relax import homotopise
        >>> C4 = cyclic(4)
        >>> symmetry = Symmetry(C4, Vector(Defining(C4)), Vector(Defining(C4)))
        >>> model = homotopise(torch.nn.Linear(2, 2), symmetry)
        >>> x = torch.randn(8, 2).repeat(4, 1)
        >>> x = Defining(C4).act(torch.arange(4).repeat_interleave(8), x)  # whole orbits
        >>> tension(model, torch.nn.functional.mse_loss, x, 2 * x)["model"] < 1e-6
        True
    """
    gradients = batch_gradients(model, loss, inputs, target, layers=layers)
    wrapped = layers_of(model)
    found = {}
    for name, gradient in gradients.items():
        beside = gradient - wrapped[name].project(gradient)
        found[name] = float(beside.norm() / gradient.norm().clamp(min=torch.finfo(gradient.dtype).tiny))
    return found
