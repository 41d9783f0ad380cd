"""Soft equivariance: a trained model drawn toward the symmetry by a fixed amount."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from haar.errors import ArgumentError
from haar.relax.rule import Rule
from haar.relax.weight_law import WeightLaw, install, space
from haar.relax.wrapping.homotopy_layer import HomotopyLayer


class Soft(Rule):
    """W -> P(W) + s (W - P(W)) on trained weights and biases, without a correction of scale.

    s = 1 is the trained model, s = 0 the nearest equivariant one. It may be trained on, at the same s.

    Args:
        model: A wrapped, trained model.
        softness: s in [0, 1].

    Raises:
        ArgumentError: If s is outside, or the model has no wrapped layers.

    Source: Rahman et al., arXiv 2603.26657 (whose weights also depend on the frequency of a block).
    """

    name: ClassVar[str] = "soft"
    in_parts: ClassVar[bool] = True

    def __init__(self, model: Any, softness: float | int = 0.5) -> None:
        super().__init__(model)
        if not 0 <= softness <= 1:
            raise ArgumentError("softness", expected="a number from 0 to 1", got=softness)
        self.softness = float(softness)
        self.fix(1.0)
        install(model, lambda _: Softened(self.softness))

    def lagrangian(self, loss: Tensor) -> Tensor:
        """The loss."""
        return loss


class Softened(WeightLaw):
    """P(W) + s (W - P(W))."""

    def __init__(self, softness: float) -> None:
        super().__init__()
        self.softness = softness

    def forward(self, layer: HomotopyLayer, name: str) -> Tensor:
        """Weights, biases and statistics alike."""
        value: Tensor = layer.held(name)
        return (1 - self.softness) * space(layer, name)(value) + self.softness * value
