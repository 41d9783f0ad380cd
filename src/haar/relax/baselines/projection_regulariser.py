"""Projection regulariser: the free model, with a price on both parts of every weight."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from haar.errors import check_rate
from haar.relax.rule import Rule
from haar.relax.weight_law import layers_of, space


class ProjectionRegulariser(Rule):
    """J + w_G sum ||P(W)|| + w_free sum ||W - P(W)|| over weights and biases, at gamma = 1.

    Norms, not squares: the second one drives whole layers to exact symmetry, as a group lasso does. Biases are priced
    too: free ones alone break the symmetry.

    Args:
        model: A wrapped model.
        equivariant_weight: Weight w_G on the equivariant part.
        free_weight: Weight w_free on what breaks the symmetry.

    Raises:
        ArgumentError: If a weight is negative or the model has no wrapped layers.

    Source: Berndt and Stuehmer, arXiv 2601.05028.
    """

    name: ClassVar[str] = "projection regulariser"

    def __init__(self, model: Any, *, equivariant_weight: float | int = 0.0, free_weight: float | int = 1e-2) -> None:
        super().__init__(model)
        check_rate("equivariant_weight", equivariant_weight, zero=True)
        check_rate("free_weight", free_weight, zero=True)
        self.equivariant_weight, self.free_weight = float(equivariant_weight), float(free_weight)
        self.layers = layers_of(model)
        self.fix(1.0)

    def lagrangian(self, loss: Tensor) -> Tensor:
        """The loss plus both prices."""
        inside, outside = [], []
        for layer in self.layers.values():
            for name in ("weight", "bias"):
                value = layer.held(name)
                if value is None:
                    continue
                own = space(layer, name)(value)
                inside.append(_norm(own))
                outside.append(_norm(value - own))
        price = self.equivariant_weight * torch.stack(inside).sum() + self.free_weight * torch.stack(outside).sum()
        return loss + price


def _norm(value: Tensor) -> Tensor:
    """The norm, with a finite slope at zero."""
    return (value.square().sum() + 1e-30).sqrt()
