"""Augmentation: the free model, on samples that are moved at random together with their targets."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.containers import tensors_of
from haar.relax.baselines.free import Free


class Augmentation(Free):
    """The free model; every sample and its target are moved by an element of their own.

    Args:
        model: A wrapped model with its symmetry.

    Raises:
        ArgumentError: If it has no gammas.
    """

    name: ClassVar[str] = "augmentation"

    def batch(self, inputs: Any, target: Any, generator: torch.Generator | None = None) -> tuple[Any, Any]:
        """Every sample moved by a random element."""
        moved, turned, _ = moved_batch(self.model.symmetry, inputs, target, generator)
        return moved, turned


def moved_batch(
    symmetry: Symmetry, inputs: Any, target: Any, generator: torch.Generator | None
) -> tuple[Any, Any, Tensor]:
    """Inputs and targets moved by one random element a sample, and the elements."""
    several = isinstance(inputs, (tuple, list))
    arguments = tuple(inputs) if several else (inputs,)
    n = len(next(leaf for leaf in tensors_of(arguments) if leaf.ndim))
    g = symmetry.group.sample(n, generator)
    moved = symmetry.act_inputs(g, arguments)
    return moved if several else moved[0], symmetry.act_outputs(g, target), g
