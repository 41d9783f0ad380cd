"""Relaxed steerable convolution: the coefficients of an equivariant kernel may differ from tap to tap, at a price."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, check_rate
from haar.groups import FiniteGroup
from haar.relax.rule import Rule
from haar.relax.weight_law import WeightLaw, install, space
from haar.relax.wrapping.homotopy_layer import HomotopyLayer


class RelaxedSteerableConvolution(Rule):
    """Kernels sum_b w_b(p) B_b(p) with coefficients of their own at every tap p, where a steerable one has w_b alone.

    In the frame that turns with the tap a steerable kernel has the same coefficients everywhere: g K = K. The relaxed
    one is kappa P(K) + D with a departure D that starts at zero and has no equivariant part, and the loss has the price

        alpha times the mean of |D - g D| over entries and generators g of the group,

    which is that of differences between the taps that g carries into one another, its neighbours along an orbit.
    The source prices the same differences; its kernels have coefficients for a few frequencies, ours all that the
    taps can tell apart. Layers without taps stay equivariant.

    Args:
        model: A wrapped model with convolutions.
        alpha: The price; the source has 1e-5 and 1e-6 for its tasks.

    Raises:
        ArgumentError: If no wrapped layer is a convolution, its group is not finite, or the price is negative.

    Source: Wang, Walters and Yu, arXiv 2201.11969 (relaxed steerable convolution).
    """

    name: ClassVar[str] = "relaxed steerable convolution"

    def __init__(self, model: Any, *, alpha: float | int = 1e-5) -> None:
        super().__init__(model)
        check_rate("alpha", alpha, zero=True)
        self.alpha = float(alpha)
        self.fix(0.0)
        self.laws: dict[str, Departure] = install(model, _law)  # type: ignore[assignment]  # what _law makes
        if not self.laws:
            raise ArgumentError(
                "model",
                expected="a convolution that a finite group moves",
                got="none",
                way_out="wrap a module with convolutions, or take RelaxedConvolution for dense layers",
            )
        self._layers = {name: model.layers[name] for name in self.laws}

    def lagrangian(self, loss: Tensor) -> Tensor:
        """The loss plus the price of all differences between taps."""
        prices = [law.differences(self._layers[name]).abs().mean() for name, law in self.laws.items()]
        return loss + self.alpha * torch.stack(prices).sum()

    def readout(self) -> dict[str, Tensor]:
        """For every relaxed layer how much its taps differ along each generator: sqrt(mean (D - g D)^2 / mean K^2)."""
        found = {}
        with torch.no_grad():
            for name, law in self.laws.items():
                layer = self._layers[name]
                size = layer.effective_weight().square().mean()
                found[name] = (law.differences(layer).flatten(1).square().mean(1) / size).sqrt()
        return found


class Departure(WeightLaw):
    """kappa P(K) + D - P(D)."""

    def __init__(self, layer: HomotopyLayer, generators: Tensor) -> None:
        super().__init__()
        self.relaxed = nn.Parameter(torch.zeros_like(layer.get_parameter("weight")))
        self.register_constant("generators", generators)
        self.generators: Tensor

    def forward(self, layer: HomotopyLayer, name: str) -> Tensor:
        """The kernel with its departure; biases stay equivariant."""
        own = space(layer, name)(layer.held(name))
        return layer.kappa * own + self.departure(layer) if name == "weight" else own

    def departure(self, layer: HomotopyLayer) -> Tensor:
        """D without its equivariant part."""
        return self.relaxed - space(layer, "weight")(self.relaxed)

    def differences(self, layer: HomotopyLayer) -> Tensor:
        """D - g D for every generator g, which come first."""
        departure = self.departure(layer)
        repeated = departure.expand(len(self.generators), *departure.shape)
        return repeated - space(layer, "weight").move(self.generators, repeated)


def _law(layer: HomotopyLayer) -> Departure | None:
    """For a kernel with more than one tap, of a finite group; elsewhere the layer's own law at gamma = 0."""
    weight = layer.held("weight")
    if weight is None or not isinstance(layer.group, FiniteGroup) or weight.shape[2:].numel() <= 1:
        return None
    return Departure(layer, layer.group.generators())
