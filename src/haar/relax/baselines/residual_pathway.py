"""Residual pathway priors: an equivariant weight plus a free one, each under a Gaussian prior."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from haar.errors import check_rate
from haar.relax.rule import Rule
from haar.relax.weight_law import WeightLaw, install, layers_of, projected, squared_norm
from haar.relax.wrapping.homotopy_layer import HomotopyLayer
from haar.seeding import Seed, generator_of

#: Scale of the free branch's initial weights, times that of LeCun.
_START = 1e-3


class ResidualPathway(Rule):
    """W = kappa P(A) + B with B free, and the loss plus w_eq ||A||^2 + w_free ||B||^2: there is no gamma.

    The most probable weights under Gaussian priors of variances 1 / (2 w). A starts as the user's weight, B at 1e-3
    of LeCun's normal law, for weights and biases.

    Args:
        model: A wrapped model; every layer is given the law above.
        equivariant_weight: Weight w_eq on the equivariant part A.
        free_weight: Weight w_free on the free part B.
        seed: Seed of the free part B.

    Raises:
        ArgumentError: If a weight is not positive or the model has no wrapped layers.

    Source: Finzi, Benton and Wilson, arXiv 2112.01388; constants of the authors' code.
    """

    name: ClassVar[str] = "residual pathway"

    def __init__(
        self, model: Any, *, equivariant_weight: float | int = 1e-3, free_weight: float | int = 1e2, seed: Seed = 0
    ) -> None:
        super().__init__(model)
        check_rate("equivariant_weight", equivariant_weight)
        check_rate("free_weight", free_weight)
        self.equivariant_weight, self.free_weight = float(equivariant_weight), float(free_weight)
        generator = generator_of(seed)
        self.fix(1.0)
        self.laws = install(model, lambda layer: Pathways(layer, generator))

    def lagrangian(self, loss: Tensor) -> Tensor:
        """The loss plus both priors."""
        layers = layers_of(self.model)
        names = [(layers[name], law, part) for name, law in self.laws.items() for part in law.parts]  # type: ignore[union-attr]
        equivariant = squared_norm([layer.held(part) for layer, _, part in names])
        free = squared_norm([getattr(law, part) for _, law, part in names])
        return loss + self.equivariant_weight * equivariant + self.free_weight * free


class Pathways(WeightLaw):
    """kappa P(A) + B."""

    def __init__(self, layer: HomotopyLayer, generator: torch.Generator) -> None:
        super().__init__()
        self.parts = [name for name in ("weight", "bias") if layer.held(name) is not None]
        weight = layer.held("weight")
        fan_in = weight[0].numel() if weight is not None else 1
        for name in self.parts:
            like: Tensor = layer.held(name)
            drawn = torch.randn(like.shape, generator=generator, dtype=torch.float64)
            setattr(self, name, nn.Parameter((_START * drawn / fan_in**0.5).to(like)))

    def forward(self, layer: HomotopyLayer, name: str) -> Tensor:
        """The sum of both."""
        equivariant = projected(layer, name)
        return equivariant + getattr(self, name) if name in self.parts else equivariant
